import fc from 'fast-check';
import { expect, test } from 'vitest';
import { awsEvent, awsException, awsMessage } from '../../../test/support/event-stream.ts';
import type { Frame } from '../../kernel/adapter.ts';
import { AwsEventStreamFramer } from './aws-event-stream.ts';

function framesOf(pieces: readonly Buffer[], framer = new AwsEventStreamFramer()): Frame[] {
  const frames: Frame[] = [];
  // The bytes are overwritten after each push: a framer may not keep hold of them.
  for (const piece of pieces) {
    const lent = Buffer.from(piece);
    framer.push(lent, (frame) => frames.push(frame));
    lent.fill(0x21);
  }
  framer.end();
  return frames;
}

const malformed = expect.objectContaining({ reason: 'PROVIDER_MALFORMED' }) as unknown;

test('events, exceptions and errors are frames named by what they are', () => {
  const error = { ':message-type': 'error', ':error-code': 'InternalFailure', ':error-message': 'no' };
  expect(
    framesOf([awsEvent('messageStart', '{"a":"é"}'), awsException('throttlingException', '{}'), awsMessage(error, '')]),
  ).toEqual([
    { event: 'messageStart', data: '{"a":"é"}' },
    { event: 'throttlingException', data: '{}' },
    { event: 'error', data: '{"code":"InternalFailure","message":"no"}' },
  ]);
});

test('any cutting gives the same frames', () => {
  const body = Buffer.concat([awsEvent('a', '{"x":1}'), awsEvent('b', ''), awsEvent('c', 'é'.repeat(3000))]);
  const whole = framesOf([body]);
  expect(whole.map(({ event }) => event)).toEqual(['a', 'b', 'c']);
  fc.assert(
    fc.property(fc.array(fc.nat(body.length), { maxLength: 9 }), (cuts) => {
      const pieces: Buffer[] = [];
      let from = 0;
      for (const cut of [...cuts, body.length].sort((a, b) => a - b)) {
        pieces.push(body.subarray(from, cut));
        from = cut;
      }
      expect(framesOf(pieces)).toEqual(whole);
    }),
  );
  for (const size of [1, 7]) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < body.length; at += size) pieces.push(body.subarray(at, at + size));
    expect(framesOf(pieces)).toEqual(whole);
  }
});

test('a body that ends amid an event is cut', () => {
  const body = awsEvent('a', '{}');
  for (let end = 1; end < body.length; end++) {
    expect(() => framesOf([body.subarray(0, end)])).toThrow(expect.objectContaining({ reason: 'PROVIDER_STREAM_CUT' }));
  }
});

test('no bit of a message may change', () => {
  const body = awsEvent('a', '{"x":1}');
  for (let bit = 0; bit < body.length * 8; bit++) {
    const damaged = Buffer.from(body);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(() => framesOf([damaged])).toThrow(malformed);
  }
});

test('headers of other types are passed over', () => {
  const plain = awsEvent('a', '{}');
  // :event-type, and before it a bool, a byte, a long, bytes and a uuid; the checksums are made anew.
  const other = Buffer.concat([
    Buffer.from([1, 0x62, 0]),
    Buffer.from([1, 0x63, 2, 9]),
    Buffer.concat([Buffer.from([1, 0x64, 5]), Buffer.alloc(8)]),
    Buffer.from([1, 0x65, 6, 0, 2, 1, 2]),
    Buffer.concat([Buffer.from([1, 0x66, 9]), Buffer.alloc(16)]),
  ]);
  expect(framesOf([awsMessage({ ':event-type': 'a' }, '{}', other)])).toEqual(framesOf([plain]));
});

test('a message beyond the limit is refused when its prelude is known', () => {
  const framer = new AwsEventStreamFramer(64);
  expect(() => framer.push(awsEvent('a', 'x'.repeat(64)).subarray(0, 12), () => {})).toThrow(malformed);
});

test('headers that run beyond their room are refused', () => {
  expect(() => framesOf([awsMessage({}, '{}', Buffer.from([1, 0x61, 7, 0xff, 0xff]))])).toThrow(malformed);
  expect(() => framesOf([awsMessage({}, '{}', Buffer.from([1, 0x61, 99]))])).toThrow(malformed);
});
