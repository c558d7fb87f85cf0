import { randomBytes } from 'node:crypto';

/** A secret that a caller signs requests with. */
export interface SigningKey {
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** The one user it is for; undefined for any. */
  readonly user?: string | undefined;
}

/** The callers' secrets by their ids. */
export class SigningKeys {
  readonly #keys = new Map<string, SigningKey>();
  /** A key that nobody has: trying it takes as long as trying a real one, and nothing verifies. */
  readonly nobody: SigningKey = { id: '', secret: randomBytes(32) };

  constructor(keys: readonly SigningKey[]) {
    for (const key of keys) this.#keys.set(key.id, key);
  }

  get empty(): boolean {
    return this.#keys.size === 0;
  }

  /** The key for what `user` signed; `nobody` where there is none, or none for this user. */
  find(id: string, user: string): SigningKey {
    const key = this.#keys.get(id);
    return key === undefined || (key.user !== undefined && key.user !== user) ? this.nobody : key;
  }
}
