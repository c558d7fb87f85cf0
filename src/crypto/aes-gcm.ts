import { createCipheriv, createDecipheriv } from 'node:crypto';

// NIST SP 800-38D; the one choice of sizes that this project allows.
export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const isUsable = (key: Uint8Array, nonce: Uint8Array) => key.length === KEY_BYTES && nonce.length === NONCE_BYTES;

/** Encrypts by AES-256-GCM: the ciphertext with its 16 bytes of tag behind it. Throws RangeError on other sizes of key or nonce. */
export function aesGcmSeal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Buffer {
  if (!isUsable(key, nonce)) throw new RangeError('AES-256-GCM takes a key of 32 bytes and a nonce of 12');
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(aad);
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return Buffer.concat([ciphertext, cipher.getAuthTag()]);
}

/** Decrypts what `aesGcmSeal` made; undefined for whatever does not verify, sizes included. */
export function aesGcmOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Buffer | undefined {
  if (!isUsable(key, nonce) || sealed.length < TAG_BYTES) return undefined;
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plaintext;
}
