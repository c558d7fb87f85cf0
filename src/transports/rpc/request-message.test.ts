import fc from 'fast-check';
import { expect, it } from 'vitest';
import { envelope } from '../../../test/support/port.ts';
import { plainRefusals } from './refusal.ts';
import { RequestMessage } from './request-message.ts';

const limit = 40_000;

/** What a reader makes of pieces: the message, or the refusal's reason and code. */
function read(pieces: readonly Uint8Array[]): string {
  const message = new RequestMessage(limit, plainRefusals);
  for (const piece of pieces) {
    const refusal = message.push(Buffer.from(piece));
    if (refusal !== undefined) return `${refusal.fault.reason} ${refusal.code ?? ''}`;
  }
  const refusal = message.end();
  if (refusal !== undefined) return `${refusal.fault.reason} ${refusal.code ?? ''}`;
  return `${message.compressed} ${message.bytes.toString('hex')}`;
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.nat(limit).map((length) => new Uint8Array(length).fill(length)),
);

it('is the same however its bytes are split', () => {
  fc.assert(
    fc.property(payload, fc.nat(1), cuts, (bytes, flag, where) => {
      const whole = `${flag === 1} ${Buffer.from(bytes).toString('hex')}`;
      expect(read(split(envelope(bytes, flag), where))).toBe(whole);
    }),
  );
});

it('is read byte by byte', () => {
  const bytes = envelope(Buffer.from('one after the other'));
  expect(read([...bytes].map((byte) => Uint8Array.of(byte)))).toBe(read([bytes]));
});

it('is refused alike however its bytes are split', () => {
  const bad = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.tuple(payload, fc.uint8Array({ minLength: 1, maxLength: 20 })).map(([one, more]) => {
      return Buffer.concat([envelope(one), more]);
    }),
    fc.tuple(payload, fc.nat(300)).map(([one, lost]) => envelope(one).subarray(0, -1 - lost)),
    fc.integer({ min: limit + 1, max: 2 ** 32 - 1 }).map((length) => {
      const prefix = Buffer.alloc(9);
      prefix.writeUInt32BE(length, 1);
      return prefix;
    }),
  );
  fc.assert(
    fc.property(bad, cuts, (bytes, where) => {
      expect(read(split(Buffer.from(bytes), where))).toBe(read([bytes]));
    }),
  );
});

it.each([
  ['nothing', Buffer.alloc(0), 'BODY_INVALID 12'],
  ['two', Buffer.concat([envelope(Buffer.alloc(0)), envelope(Buffer.alloc(0))]), 'BODY_INVALID 12'],
  ['a prefix that is cut', Buffer.from([0, 0]), 'BODY_INVALID '],
  ['a message that is cut', envelope(Buffer.from('cut')).subarray(0, 7), 'BODY_INVALID '],
  ['unknown flags', envelope(Buffer.alloc(1), 2), 'BODY_INVALID '],
  ['more than the limit', envelope(Buffer.alloc(limit + 1)), 'TOO_LARGE '],
])('refuses %s', (_name, bytes, refusal) => {
  expect(read([bytes])).toBe(refusal);
});

it('keeps no more than about twice what has arrived, whatever the length claims', () => {
  const message = new RequestMessage(2 ** 32, plainRefusals);
  const prefix = Buffer.from([0, 0x40, 0, 0, 0]);
  const before = process.memoryUsage().arrayBuffers;
  message.push(prefix);
  for (let i = 0; i < 100; i++) message.push(Buffer.alloc(1_000));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);
});
