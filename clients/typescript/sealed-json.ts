import { SealError, type Sealed } from './sealing.ts';

/** A sealed message in JSON: bytes in base64url; what is 0, empty or false may be absent. */
interface SealedJson {
  readonly version?: unknown;
  readonly key_id?: unknown;
  readonly issued_at?: unknown;
  readonly nonce?: unknown;
  readonly ciphertext?: unknown;
  readonly salt?: unknown;
  readonly sequence?: unknown;
  readonly last?: unknown;
}

function base64url(bytes: Uint8Array): string {
  let binary = '';
  // In pieces: an argument list has an end.
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function bytesOf(value: unknown): Uint8Array {
  if (value === undefined) return new Uint8Array(0);
  if (typeof value !== 'string') throw new SealError('a sealed message of another form');
  try {
    return Uint8Array.from(atob(value.replaceAll('-', '+').replaceAll('_', '/')), (byte) => byte.charCodeAt(0));
  } catch {
    throw new SealError('a sealed message of another form');
  }
}

function countOf(value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffffffff)
    throw new SealError('a sealed message of another form');
  return value;
}

/** `{"sealed": ...}` around a sealed request. */
export const requestJson = ({ version, keyId, issuedAt, nonce, ciphertext }: Sealed): string =>
  JSON.stringify({
    sealed: {
      version,
      key_id: keyId,
      issued_at: issuedAt,
      nonce: base64url(nonce),
      ciphertext: base64url(ciphertext),
    },
  });

/** What stands under `sealed` in a JSON text; undefined where nothing does. SealError for what has not the form. */
export function parseSealed(json: string): Sealed | undefined {
  let body: { readonly sealed?: SealedJson } | null;
  try {
    body = JSON.parse(json) as typeof body;
  } catch {
    return undefined;
  }
  const sealed = body?.sealed;
  if (typeof sealed !== 'object' || sealed === null) return undefined;
  return {
    version: countOf(sealed.version),
    keyId: typeof sealed.key_id === 'string' ? sealed.key_id : '',
    issuedAt: countOf(sealed.issued_at),
    nonce: bytesOf(sealed.nonce),
    ciphertext: bytesOf(sealed.ciphertext),
    salt: bytesOf(sealed.salt),
    sequence: countOf(sealed.sequence),
    last: sealed.last === true,
  };
}
