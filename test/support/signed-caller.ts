import { createHash, createHmac, randomBytes } from 'node:crypto';

// A caller's side of docs/request-signing.md, written from the document alone: it shares no code with the gateway.

/** What is signed beside the body. */
export interface Signable {
  readonly path: string;
  readonly user?: string;
  /** Unix seconds; now by default. */
  readonly time?: number;
  /** A random one by default. */
  readonly nonce?: string;
}

/** Whoever shares a secret with the gateway. */
export class SignedCaller {
  readonly #secret: Uint8Array;
  readonly #keyId: string;

  constructor(secret: Uint8Array, keyId: string) {
    this.#secret = secret;
    this.#keyId = keyId;
  }

  /** The headers that sign a request with this body. */
  headers(body: Uint8Array, { path, user = '', time, nonce }: Signable): Record<string, string> {
    const timestamp = String(time ?? Math.floor(Date.now() / 1000));
    const once = nonce ?? randomBytes(16).toString('base64url');
    const digest = createHash('sha256').update(body).digest('hex');
    const text = ['llm-bridge-request-v1', 'POST', path, this.#keyId, user, timestamp, once, digest].join('\n');
    return {
      'x-request-key-id': this.#keyId,
      'x-request-timestamp': timestamp,
      'x-request-nonce': once,
      'x-request-signature': createHmac('sha256', this.#secret).update(text).digest('hex'),
    };
  }
}
