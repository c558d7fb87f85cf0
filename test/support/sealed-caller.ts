import { webcrypto } from 'node:crypto';

// A caller's side of docs/sealing.md, written from the document alone, on WebCrypto: it shares no code with the gateway.

const { subtle } = webcrypto;
type Bytes = Uint8Array<ArrayBuffer>;

/** A sealed message, as the protos and the JSON surface name its fields. */
export interface Sealed {
  readonly version: number;
  readonly keyId: string;
  readonly issuedAt: number;
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly salt: Uint8Array;
  readonly sequence: number;
  readonly last: boolean;
}

const text = (value: string): number[] => {
  const bytes = new TextEncoder().encode(value);
  return [bytes.length >> 8, bytes.length & 255, ...bytes];
};
const u32 = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

async function derive(secret: Uint8Array, salt: Uint8Array, info: string) {
  const base = await subtle.importKey('raw', secret as Bytes, 'HKDF', false, ['deriveKey']);
  const hkdf = { name: 'HKDF', hash: 'SHA-256', salt: salt as Bytes, info: new TextEncoder().encode(info) };
  return subtle.deriveKey(hkdf, base, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
}

const gcm = (nonce: Uint8Array, aad: readonly number[]) => ({
  name: 'AES-GCM',
  iv: nonce as Bytes,
  additionalData: new Uint8Array(aad),
  tagLength: 128,
});

/** Whoever shares a secret with the gateway. */
export class SealedCaller {
  readonly #secret: Uint8Array;
  readonly #keyId: string;
  readonly #user: string;

  constructor(secret: Uint8Array, keyId: string, user = '') {
    this.#secret = secret;
    this.#keyId = keyId;
    this.#user = user;
  }

  async seal(
    method: string,
    plaintext: Uint8Array,
    issuedAt = Math.floor(Date.now() / 1000),
    nonce: Uint8Array = webcrypto.getRandomValues(new Uint8Array(12)),
  ): Promise<Sealed> {
    const key = await derive(this.#secret, new Uint8Array(), 'request');
    const aad = [1, 1, ...text(method), ...text(this.#keyId), ...u32(issuedAt), ...text(this.#user)];
    const ciphertext = new Uint8Array(await subtle.encrypt(gcm(nonce, aad), key, plaintext as Bytes));
    const empty = { salt: new Uint8Array(), sequence: 0, last: false };
    return { version: 1, keyId: this.#keyId, issuedAt, nonce, ciphertext, ...empty };
  }

  /** Opens the reply to a request with this nonce. */
  reply(method: string, requestNonce: Uint8Array): ReplyOpener {
    return new ReplyOpener(this.#secret, this.#keyId, this.#user, method, requestNonce);
  }
}

/** Opens the messages of one reply in their order; anything out of it is an error. */
export class ReplyOpener {
  readonly #secret: Uint8Array;
  readonly #keyId: string;
  readonly #user: string;
  readonly #method: string;
  readonly #requestNonce: Uint8Array;
  #key: Awaited<ReturnType<typeof derive>> | undefined;
  #next = 0;
  #ended = false;

  constructor(secret: Uint8Array, keyId: string, user: string, method: string, requestNonce: Uint8Array) {
    this.#secret = secret;
    this.#keyId = keyId;
    this.#user = user;
    this.#method = method;
    this.#requestNonce = requestNonce;
  }

  /** Whether the last message came; a reply that ended before it was cut. */
  get whole(): boolean {
    return this.#ended;
  }

  async open({ version, keyId, issuedAt, nonce, ciphertext, salt, sequence, last }: Sealed): Promise<Uint8Array> {
    if (this.#ended) throw new Error('a message after the last one');
    if (version !== 1 || keyId !== this.#keyId) throw new Error('another version or key');
    if (salt.length !== (sequence === 0 ? 16 : 0)) throw new Error('a salt of the wrong length');
    if (sequence !== this.#next) throw new Error(`message ${sequence} in the place of ${this.#next}`);
    const expected = [0, 0, 0, 0, 0, 0, 0, 0, ...u32(sequence)];
    if (nonce.length !== 12 || !expected.every((byte, i) => nonce[i] === byte)) throw new Error('not the nonce');
    this.#key ??= await derive(this.#secret, new Uint8Array([...this.#requestNonce, ...salt]), 'reply');
    const header = [1, 2, ...text(this.#method), ...text(this.#keyId), ...u32(issuedAt), ...text(this.#user)];
    const aad = [...header, ...u32(sequence), last ? 1 : 0];
    const plaintext = new Uint8Array(await subtle.decrypt(gcm(nonce, aad), this.#key, ciphertext as Bytes));
    this.#next++;
    this.#ended = last;
    return plaintext;
  }
}
