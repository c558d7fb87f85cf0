import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { decodeRequest } from './request.ts';

// The JSON forms of docs/sealing-vectors.json.

interface Form {
  readonly name: string;
  readonly json: string;
}
interface Valid extends Form {
  readonly sealed: Readonly<Record<'key_id' | 'nonce' | 'ciphertext', string>> &
    Readonly<Record<'version' | 'issued_at', number>>;
}
const file = new URL('../../../../docs/sealing-vectors.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as { json_forms: Valid[]; invalid_json_forms: Form[] };
const read = (json: string) => decodeRequest(Buffer.from(json)).request.sealed;
const bytes = (hex: string) => Buffer.from(hex, 'hex');

test.each(vectors.json_forms)('$name', ({ json, sealed }) => {
  expect(read(json)).toMatchObject({
    version: sealed.version,
    keyId: sealed.key_id,
    issuedAt: sealed.issued_at,
    nonce: bytes(sealed.nonce),
    ciphertext: bytes(sealed.ciphertext),
    sequence: 0,
    last: false,
  });
});

test.each(vectors.invalid_json_forms)('$name: refused', ({ json }) => {
  expect(() => read(json)).toThrow(expect.objectContaining({ reason: 'FIELD_INVALID' }) as Error);
});
