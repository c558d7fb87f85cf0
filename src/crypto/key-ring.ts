import { randomBytes } from 'node:crypto';
import { KEY_BYTES } from './aes-gcm.ts';
import { requestKey } from './keys.ts';

/** A shared secret, as the configuration has it. */
export interface SealingKey {
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** A retired key still opens, so that callers have time to change theirs; a revoked one opens nothing. */
  readonly state: 'active' | 'retired' | 'revoked';
  /** The one user it is for; undefined for any. */
  readonly user?: string | undefined;
}

/** A key to open requests with. */
export interface RingKey {
  readonly id: string;
  readonly secret: Uint8Array;
  readonly requestKey: Uint8Array;
  /** False for `nobody`. */
  readonly known: boolean;
}

/** The shared secrets by their ids. */
export class KeyRing {
  readonly #keys = new Map<string, RingKey & { readonly user: string | undefined }>();
  /** A key that nobody has: trying it takes as long as trying a real one, and opens nothing. */
  readonly nobody: RingKey;

  constructor(keys: readonly SealingKey[]) {
    const secret = randomBytes(KEY_BYTES);
    this.nobody = { id: '', secret, requestKey: requestKey(secret), known: false };
    for (const { id, secret, state, user } of keys) {
      if (secret.length !== KEY_BYTES) throw new RangeError(`the secret of the sealing key ${id} is not of 256 bits`);
      if (state !== 'revoked') this.#keys.set(id, { id, secret, requestKey: requestKey(secret), known: true, user });
    }
  }

  /** The key for what `user` sealed; `nobody` where there is none, or none for this user. */
  find(id: string, user: string): RingKey {
    const key = this.#keys.get(id);
    return key === undefined || (key.user !== undefined && key.user !== user) ? this.nobody : key;
  }
}

/** A secret of 256 bits written as 64 hex digits, base64 or base64url; undefined for anything else. */
export function parseSecret(text: string): Buffer | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex');
  if (!/^[\w+/-]{43}=?$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === KEY_BYTES ? bytes : undefined;
}

/** The same of a text that was judged before; throws RangeError for anything else. */
export function secretOf(text: string): Buffer {
  const secret = parseSecret(text);
  if (secret === undefined) throw new RangeError('a secret is not of 256 bits');
  return secret;
}
