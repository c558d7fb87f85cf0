// A caller's side of docs/sealing.md, on WebCrypto alone: it runs in Node.js, Deno, Bun and browsers.
import { pad } from './padding.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** A sealed message, as `llmbridge.v1.SealedPayload` names its fields. */
export interface Sealed {
  readonly version: number;
  readonly keyId: string;
  /** Unix seconds. */
  readonly issuedAt: number;
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly salt: Uint8Array;
  readonly sequence: number;
  readonly last: boolean;
}

/** A reply that is not what the gateway sealed for this request: changed, cut, reordered, or not sealed at all. */
export class SealError extends Error {
  override readonly name = 'SealError';
}

export interface SealerOptions {
  /** The id under which the gateway has the secret. */
  readonly keyId: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** Whom the gateway takes this caller for, by its credential; empty for an anonymous one. */
  readonly user?: string;
  /** Whether lengths of requests are hidden, by filling them up to the next power of two. */
  readonly padded?: boolean;
}

/** What is random or the time's otherwise; for test vectors alone, for a nonce used twice gives both messages away. */
export interface Fixed {
  readonly issuedAt: number;
  readonly nonce: Uint8Array;
}

const VERSION = 1;
const REQUEST = 1;
const REPLY = 2;
const NONCE_BYTES = 12;
const SALT_BYTES = 16;
const none: Bytes = new Uint8Array(0);
const encoder = new TextEncoder();

const u32 = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

function text(value: string): number[] {
  const bytes = encoder.encode(value);
  if (bytes.length > 0xffff) throw new RangeError('a text of a seal has at most 65,535 bytes');
  return [bytes.length >> 8, bytes.length & 255, ...bytes];
}

const header = (direction: number, method: string, keyId: string, issuedAt: number, user: string): number[] => [
  VERSION,
  direction,
  ...text(method),
  ...text(keyId),
  ...u32(issuedAt),
  ...text(user),
];

const gcm = (nonce: Uint8Array, additional: readonly number[]) => ({
  name: 'AES-GCM',
  iv: nonce as Bytes,
  additionalData: new Uint8Array(additional),
  tagLength: 128,
});

async function derive(secret: Key, salt: Bytes, info: string, use: 'encrypt' | 'decrypt'): Promise<Key> {
  const hkdf = { name: 'HKDF', hash: 'SHA-256', salt, info: encoder.encode(info) };
  return crypto.subtle.deriveKey(hkdf, secret, { name: 'AES-GCM', length: 256 }, false, [use]);
}

/** Seals requests under one secret; one for the whole program will do. */
export class Sealer {
  readonly #keyId: string;
  readonly #user: string;
  readonly #padded: boolean;
  readonly #secret: Promise<Key>;
  readonly #requestKey: Promise<Key>;

  /** Throws RangeError where the secret is not of 32 bytes. */
  constructor({ keyId, secret, user = '', padded = false }: SealerOptions) {
    if (secret.length !== 32) throw new RangeError('a sealing secret has 32 bytes');
    this.#keyId = keyId;
    this.#user = user;
    this.#padded = padded;
    this.#secret = crypto.subtle.importKey('raw', Uint8Array.from(secret), 'HKDF', false, ['deriveKey']);
    this.#requestKey = this.#secret.then((key) => derive(key, none, 'request', 'encrypt'));
  }

  /** Seals one request to `method`; the opener is for its reply alone. Each call draws a nonce of its own: seal anew to try again. */
  async seal(
    method: string,
    plaintext: Uint8Array,
    { issuedAt, nonce }: Fixed = {
      issuedAt: Math.floor(Date.now() / 1000),
      nonce: crypto.getRandomValues(new Uint8Array(NONCE_BYTES)),
    },
  ): Promise<{ readonly sealed: Sealed; readonly reply: ReplyOpener }> {
    const keyId = this.#keyId;
    const algorithm = gcm(nonce, header(REQUEST, method, keyId, issuedAt, this.#user));
    const filled = this.#padded ? pad(plaintext, sealedMethods.has(method) ? 'binary' : 'json') : plaintext;
    const sealed = await crypto.subtle.encrypt(algorithm, await this.#requestKey, filled as Bytes);
    const ciphertext = new Uint8Array(sealed);
    return {
      sealed: { version: VERSION, keyId, issuedAt, nonce, ciphertext, salt: none, sequence: 0, last: false },
      reply: this.opener(method, nonce),
    };
  }

  /** What opens the reply to the request with this nonce. */
  opener(method: string, requestNonce: Uint8Array): ReplyOpener {
    return new ReplyOpener(this.#secret, this.#keyId, this.#user, method, requestNonce);
  }
}

/** Opens the messages of one reply, in their order; whatever does not belong there is a SealError. */
export class ReplyOpener {
  readonly #secret: Promise<Key>;
  readonly #keyId: string;
  readonly #user: string;
  readonly #method: string;
  readonly #requestNonce: Uint8Array;
  #key: Key | undefined;
  #next = 0;
  #whole = false;
  #broken = false;

  constructor(secret: Promise<Key>, keyId: string, user: string, method: string, requestNonce: Uint8Array) {
    this.#secret = secret;
    this.#keyId = keyId;
    this.#user = user;
    this.#method = method;
    this.#requestNonce = requestNonce;
  }

  /** The next message's plaintext; `undefined` is a message in the clear, and refused. One must be awaited before the next. */
  async open(message: Sealed | undefined): Promise<Bytes> {
    if (message === undefined) throw this.#fail('a reply in the clear');
    const { version, keyId, issuedAt, nonce, ciphertext, salt, sequence, last } = message;
    if (this.#broken) throw this.#fail('a message after one that did not verify');
    if (this.#whole) throw this.#fail('a message after the last one');
    if (version !== VERSION || keyId !== this.#keyId) throw this.#fail('a message of another version or key');
    if (sequence !== this.#next) throw this.#fail(`message ${sequence} in the place of message ${this.#next}`);
    if (salt.length !== (sequence === 0 ? SALT_BYTES : 0)) throw this.#fail('a salt of the wrong length');
    const counted = [0, 0, 0, 0, 0, 0, 0, 0, ...u32(sequence)];
    if (nonce.length !== NONCE_BYTES || counted.some((byte, i) => nonce[i] !== byte)) throw this.#fail('another nonce');
    this.#key ??= await derive(
      await this.#secret,
      new Uint8Array([...this.#requestNonce, ...salt]),
      'reply',
      'decrypt',
    );
    const additional = [...header(REPLY, this.#method, keyId, issuedAt, this.#user), ...u32(sequence), last ? 1 : 0];
    let plaintext: ArrayBuffer;
    try {
      plaintext = await crypto.subtle.decrypt(gcm(nonce, additional), this.#key, ciphertext as Bytes);
    } catch {
      throw this.#fail('a message that does not verify');
    }
    this.#next++;
    this.#whole = last;
    return new Uint8Array(plaintext);
  }

  /** Opens a reply that is one message. */
  async openWhole(message: Sealed | undefined): Promise<Bytes> {
    const plaintext = await this.open(message);
    this.end();
    return plaintext;
  }

  /** To be called where no more messages come: a SealError unless the last one came. */
  end(): void {
    if (!this.#whole) throw this.#fail('the reply was cut');
  }

  #fail(what: string): SealError {
    this.#broken = true;
    return new SealError(what);
  }
}

/** The methods whose messages are sealed on the RPC protocols. */
export const sealedMethods: ReadonlySet<string> = new Set([
  '/llmbridge.v1.ChatService/ChatCompletion',
  '/llmbridge.v1.ChatService/StreamChatCompletion',
]);
