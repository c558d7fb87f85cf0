import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { aesGcmOpen, aesGcmSeal } from './aes-gcm.ts';
import { hkdf } from './keys.ts';

// Project Wycheproof's vectors, in the folder that VECTORS_DIR names: https://github.com/C2SP/wycheproof

interface Vectors<T> {
  readonly testGroups: readonly { readonly keySize: number; readonly ivSize: number; readonly tests: readonly T[] }[];
}
interface Aead {
  readonly tcId: number;
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
  readonly result: 'valid' | 'invalid' | 'acceptable';
}
interface Hkdf {
  readonly tcId: number;
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly size: number;
  readonly okm: string;
  readonly result: 'valid' | 'invalid';
}

const folder = process.env['VECTORS_DIR'];
const bytes = (hex: string) => Buffer.from(hex, 'hex');
const read = <T>(file: string) =>
  folder === undefined ? [] : (JSON.parse(readFileSync(join(folder, file), 'utf8')) as Vectors<T>).testGroups;

describe.skipIf(folder === undefined)('Wycheproof', () => {
  test('AES-GCM: 256-bit keys with 96-bit nonces as told, every other size refused', () => {
    let ours = 0;
    for (const { keySize, ivSize, tests } of read<Aead>('wycheproof_aes_gcm_test.json')) {
      for (const { tcId, key, iv, aad, msg, ct, tag, result } of tests) {
        const sealed = bytes(ct + tag);
        const opened = aesGcmOpen(bytes(key), bytes(iv), bytes(aad), sealed);
        if (keySize !== 256 || ivSize !== 96) {
          expect(opened, `case ${tcId}`).toBeUndefined();
          expect(() => aesGcmSeal(bytes(key), bytes(iv), bytes(aad), bytes(msg)), `case ${tcId}`).toThrow(RangeError);
          continue;
        }
        ours++;
        expect(opened?.toString('hex'), `case ${tcId}`).toBe(result === 'valid' ? msg : undefined);
        if (result === 'valid')
          expect(aesGcmSeal(bytes(key), bytes(iv), bytes(aad), bytes(msg)), `case ${tcId}`).toEqual(sealed);
      }
    }
    expect(ours).toBeGreaterThan(60);
  });

  test('HKDF-SHA256', () => {
    let count = 0;
    for (const { tests } of read<Hkdf>('wycheproof_hkdf_sha256_test.json')) {
      for (const { tcId, ikm, salt, info, size, okm, result } of tests) {
        count++;
        const derive = () => hkdf(bytes(ikm), bytes(salt), bytes(info), size);
        if (result === 'valid') expect(derive().toString('hex'), `case ${tcId}`).toBe(okm);
        else expect(derive, `case ${tcId}`).toThrow();
      }
    }
    expect(count).toBeGreaterThan(80);
  });
});
