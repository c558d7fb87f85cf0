import { randomBytes } from 'node:crypto';

/** A secret that a caller signs requests with. */
export interface SigningKey {
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** The one user it is for; undefined for any. */
  readonly user?: string | undefined;
  /** Nothing that it signs verifies. */
  readonly disabled?: boolean;
}

/** The callers' secrets by their ids. */
export class SigningKeys {
  readonly #keys = new Map<string, SigningKey>();
  /** A key that nobody has: trying it takes as long as trying a real one, and nothing verifies. */
  readonly nobody: SigningKey = { id: '', secret: randomBytes(32) };
  /** Whether there is no key at all, not even a disabled one. */
  readonly empty: boolean;

  constructor(keys: readonly SigningKey[]) {
    this.empty = keys.length === 0;
    for (const key of keys) if (key.disabled !== true) this.#keys.set(key.id, key);
  }

  /** The key for what `user` signed; `nobody` where there is none, or none for this user. */
  find(id: string, user: string): SigningKey {
    const key = this.#keys.get(id);
    return key === undefined || (key.user !== undefined && key.user !== user) ? this.nobody : key;
  }
}
