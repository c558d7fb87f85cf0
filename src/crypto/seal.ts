import { randomBytes } from 'node:crypto';
import type { SealedPayload } from '../../gen/es/llmbridge/v1/sealed_pb.ts';
import { aesGcmOpen, aesGcmSeal, NONCE_BYTES } from './aes-gcm.ts';
import { replyAad, replyNonce, requestAad, VERSION } from './format.ts';
import type { KeyRing, RingKey } from './key-ring.ts';
import { REPLY_SALT_BYTES, replyKey } from './keys.ts';

/** A request that was opened, and what its reply is sealed with. */
export interface OpenedRequest {
  readonly plaintext: Buffer;
  readonly reply: ReplySeal;
}

const longestKeyId = 256;
const none = new Uint8Array(0);
const zeroNonce = new Uint8Array(NONCE_BYTES);

/**
 * Opens a sealed request that `user` sent to `method`; undefined for whatever does not verify: an unknown key, another
 * user or method, a changed bit. All of these take the same time.
 */
export function openRequest(
  ring: KeyRing,
  sealed: SealedPayload,
  method: string,
  user: string,
): OpenedRequest | undefined {
  const { version, keyId, issuedAt, nonce, ciphertext, salt, sequence, last } = sealed;
  // Fields of a reply are bound to nothing here, so they may hold nothing.
  const isRequest = salt.length === 0 && sequence === 0 && !last;
  const isPossible = isRequest && version === VERSION && nonce.length === NONCE_BYTES && keyId.length <= longestKeyId;
  // One road for all: what can't be opened is tried all the same, with a key that nobody has.
  const key = isPossible ? ring.find(keyId, user) : ring.nobody;
  const aad = requestAad({ method, keyId: isPossible ? keyId : '', issuedAt, user });
  const plaintext = aesGcmOpen(key.requestKey, isPossible ? nonce : zeroNonce, aad, ciphertext);
  if (plaintext === undefined || !key.known) return undefined;
  return { plaintext, reply: new ReplySeal(key, nonce, method, user) };
}

/** Seals the messages of one reply, in their order. */
export class ReplySeal {
  readonly #keyId: string;
  readonly #key: Uint8Array;
  readonly #salt: Uint8Array;
  readonly #method: string;
  readonly #user: string;
  #sequence = 0;
  #ended = false;

  /** `salt` is random but for test vectors. */
  constructor(
    { id, secret }: Pick<RingKey, 'id' | 'secret'>,
    requestNonce: Uint8Array,
    method: string,
    user: string,
    salt: Uint8Array = randomBytes(REPLY_SALT_BYTES),
  ) {
    this.#keyId = id;
    this.#salt = salt;
    this.#key = replyKey(secret, requestNonce, salt);
    this.#method = method;
    this.#user = user;
  }

  /** The next message. `issuedAt` is in Unix seconds; nothing may follow the last one. */
  seal(plaintext: Uint8Array, issuedAt: number, last: boolean): SealedPayload {
    if (this.#ended) throw new Error('the last message of this reply is sealed already');
    this.#ended = last;
    const sequence = this.#sequence++;
    const header = { method: this.#method, keyId: this.#keyId, issuedAt, user: this.#user };
    const nonce = replyNonce(sequence);
    return {
      $typeName: 'llmbridge.v1.SealedPayload',
      version: VERSION,
      keyId: this.#keyId,
      issuedAt,
      nonce,
      ciphertext: aesGcmSeal(this.#key, nonce, replyAad(header, { sequence, last }), plaintext),
      salt: sequence === 0 ? this.#salt : none,
      sequence,
      last,
    };
  }
}
