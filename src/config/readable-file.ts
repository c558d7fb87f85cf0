import { accessSync, constants } from 'node:fs';
import { z } from 'zod';

/** A path whose file can be read when the configuration is. */
export const readableFile = z
  .string()
  .min(1)
  .superRefine((path, context) => {
    try {
      accessSync(path, constants.R_OK);
    } catch (cause) {
      context.addIssue(`cannot read ${path}: ${(cause as NodeJS.ErrnoException).code ?? 'unknown error'}`);
    }
  });
