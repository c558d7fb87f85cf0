import { hkdfSync } from 'node:crypto';
import { KEY_BYTES } from './aes-gcm.ts';

/** Random bytes at the head of a reply that its key is derived with. */
export const REPLY_SALT_BYTES = 16;

const none = new Uint8Array(0);

/** HKDF-SHA256 (RFC 5869). */
export const hkdf = (secret: Uint8Array, salt: Uint8Array, info: string | Uint8Array, bytes: number): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, salt, info, bytes));

/** The key of all requests under a shared secret. */
export const requestKey = (secret: Uint8Array): Buffer => hkdf(secret, none, 'request', KEY_BYTES);

/** The key of one reply: of this request's nonce and of `salt`, so that no two replies ever share it. */
export const replyKey = (secret: Uint8Array, requestNonce: Uint8Array, salt: Uint8Array): Buffer =>
  hkdf(secret, Buffer.concat([requestNonce, salt]), 'reply', KEY_BYTES);
