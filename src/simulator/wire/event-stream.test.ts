import { expect, test } from 'vitest';
import { createFramer } from '../../upstream/framing/index.ts';
import { eventStreamMessage } from './event-stream.ts';

test('a message without anything in it is AWS’s own test vector', () => {
  expect(eventStreamMessage({}, '').toString('hex')).toBe('000000100000000005c248eb7d98c8ff');
});

test('lengths count bytes, not characters', () => {
  const bytes = eventStreamMessage({ ':event-type': 'größe' }, '{"a":"é€😀"}');
  expect(bytes.readUInt32BE(0)).toBe(bytes.length);
  expect(bytes.readUInt32BE(4)).toBe(1 + 11 + 3 + Buffer.byteLength('größe'));
  const framer = createFramer('aws-event-stream');
  const frames: unknown[] = [];
  for (const byte of bytes) framer.push(Uint8Array.of(byte), (frame) => frames.push(frame));
  framer.end((frame) => frames.push(frame));
  expect(frames).toEqual([{ event: 'größe', data: '{"a":"é€😀"}' }]);
});
