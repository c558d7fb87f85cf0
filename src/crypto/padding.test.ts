import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { pad } from './padding.ts';

const message = (length: number) =>
  toBinary(
    ChatCompletionRequestSchema,
    create(ChatCompletionRequestSchema, length < 2 ? {} : { model: 'm'.repeat(length - 2) }),
  );

test('powers of two, from 64 on', () => {
  const padded = (length: number) => pad(new Uint8Array(length).fill(0x31), 'json', 'pow2').length;
  expect([0, 1, 63, 64, 65, 128, 129, 5000].map(padded)).toEqual([64, 64, 64, 64, 128, 128, 256, 8192]);
});

test('multiples of so many bytes', () => {
  const padded = (length: number) => pad(new Uint8Array(length).fill(0x31), 'json', 100).length;
  expect([0, 1, 99, 100, 101, 200, 201].map(padded)).toEqual([100, 100, 100, 100, 200, 200, 300]);
});

test('padded JSON reads as it did', () => {
  const text = JSON.stringify({ model: 'fast', text: '你好' });
  expect(JSON.parse(Buffer.from(pad(Buffer.from(text), 'json', 'pow2')).toString())).toEqual(JSON.parse(text));
});

test('a padded message of Protocol Buffers reads as it did, whatever its length', () => {
  const gaps = new Set<number>();
  for (const bucket of [160, 20_000]) {
    for (const length of [0, ...Array.from({ length: 158 }, (_, i) => i + 3), 3_609, 3_610, 3_611, 3_612, 3_613]) {
      const plain = message(length);
      const padded = pad(plain, 'binary', bucket);
      expect(padded.length % bucket).toBe(0);
      gaps.add(padded.length - plain.length);
      const { $unknown, ...known } = fromBinary(ChatCompletionRequestSchema, padded);
      expect(known).toEqual(fromBinary(ChatCompletionRequestSchema, plain));
      for (const { no, wireType, data } of $unknown ?? []) {
        expect([no, wireType]).toEqual([1000, 2]);
        expect(data.subarray(3).every((byte) => byte === 0)).toBe(true);
      }
    }
  }
  // The gaps that no single field fills, and the two around each.
  for (const gap of [130, 131, 132, 16_388]) expect(gaps).toContain(gap);
});

test('a gap too short for a field goes to the next length', () => {
  for (const short of [1, 2]) expect(pad(message(128 - short), 'binary', 'pow2').length).toBe(256);
  expect(pad(message(125), 'binary', 'pow2').length).toBe(128);
  expect(pad(message(128), 'binary', 'pow2')).toEqual(message(128));
});
