import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseSecret } from '../crypto/key-ring.ts';

/**
 * A value that must never be shown: text, or `{ file: path }` for a mounted file, taken
 * without the line break at its end. Relative paths start at the working directory.
 */
export const secret = z
  .union([z.string(), z.strictObject({ file: z.string().min(1) })], { error: 'must be text or { file: path }' })
  .transform((value, context) => {
    if (typeof value === 'string') return value;
    try {
      return readFileSync(value.file, 'utf8').replace(/\r?\n$/, '');
    } catch (cause) {
      context.addIssue(`cannot read ${value.file}: ${(cause as NodeJS.ErrnoException).code ?? 'unknown error'}`);
      return z.NEVER;
    }
  })
  .meta({ kind: 'secret' });

/** A secret of 256 bits, as text that `secretOf` reads. */
export const secret256 = secret
  .refine((text) => parseSecret(text) !== undefined, { error: 'must be 256 bits, in base64, base64url or hex' })
  .meta({ kind: 'secret' });
