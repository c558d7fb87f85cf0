import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Frame } from '../../kernel/adapter.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Framer } from './framer.ts';
import { NdjsonFramer } from './ndjson.ts';
import { SseFramer } from './sse.ts';

function framesOf(framer: Framer, pieces: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = [];
  // The bytes are overwritten after each push: a framer may not keep hold of them.
  for (const piece of pieces) {
    const lent = Buffer.from(piece);
    framer.push(lent, (frame) => frames.push(frame));
    lent.fill(0x21);
  }
  framer.end((frame) => frames.push(frame));
  return frames;
}

const sse = (text: string) => framesOf(new SseFramer(), [Buffer.from(text)]);
const data = (text: string) => sse(text).map((frame) => frame.data);

function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const cut of [...cuts.map((c) => c % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)) {
    pieces.push(bytes.subarray(from, cut));
    from = cut;
  }
  return pieces;
}

describe('server-sent events', () => {
  test('lines end with LF, CR or CRLF', () => {
    expect(data('data: a\n\ndata: b\r\rdata: c\r\n\r\n')).toEqual(['a', 'b', 'c']);
    expect(data('data: a\r\rdata: b\n\r\ndata: c\r\n\n')).toEqual(['a', 'b', 'c']);
  });

  test('a byte order mark is passed over at the start only', () => {
    expect(data('\ufeffdata: a\n\n')).toEqual(['a']);
    expect(data('data: a\n\n\ufeffdata: b\n\n')).toEqual(['a']);
  });

  test('comments, ids, retry times and unknown fields are passed over', () => {
    expect(sse(': ping\n\n:\n\nid: 7\nretry: 10\nfoo: bar\ndatax: no\ndata: a\n\n')).toEqual([
      { event: '', data: 'a' },
    ]);
  });

  test('data lines are joined by a line feed, one space after the colon is taken off', () => {
    expect(data('data: a\ndata:b\ndata:  c\ndata\ndata:\n\n')).toEqual(['a\nb\n c\n\n']);
  });

  test('the event name belongs to its event', () => {
    expect(sse('event: error\ndata: a\n\ndata: b\n\nevent: lost\n\ndata: c\n\n')).toEqual([
      { event: 'error', data: 'a' },
      { event: '', data: 'b' },
      { event: '', data: 'c' },
    ]);
  });

  test('a last event without a blank line is handed on; the rest of a cut is not', () => {
    expect(data('data: {"a":1}\n\ndata: [DONE]')).toEqual(['{"a":1}', '[DONE]']);
    expect(data('data: {"a":1}\n\ndata: [DONE]\n')).toEqual(['{"a":1}', '[DONE]']);
    expect(data('data: {"a":1}\n\ndata: {"a":2}')).toEqual(['{"a":1}', '{"a":2}']);
    expect(data('data: {"a":1}\n\ndata: {"a":{"b":2}')).toEqual(['{"a":1}']);
    expect(data('data: {"a":1}\n\nda')).toEqual(['{"a":1}']);
  });

  test('a body that is a JSON object is one event, if it is whole', () => {
    expect(data('{\n "error": {},\n\n "data": 1 }')).toEqual(['{\n "error": {},\n\n "data": 1 }']);
    expect(data('{"error":{"a":1}')).toEqual([]);
    expect(data('{"error":{"a":1}\n')).toEqual([]);
    expect(data('data: a\n\n{"b":1}\n\n')).toEqual(['a']);
  });

  test('an event beyond the bound is malformed, in one line or in many', () => {
    const long = `data: ${'x'.repeat(200)}\n\n`;
    for (const text of [long, 'data: xxxxxxxxxx\n'.repeat(20), long.slice(0, -2)]) {
      expect(() => framesOf(new SseFramer(100), [Buffer.from(text)])).toThrow(Fault);
    }
    const many = 'data: xxxxxxxxxx\n\n'.repeat(20);
    expect(framesOf(new SseFramer(100), [Buffer.from(many)])).toHaveLength(20);
  });

  test('any cutting of the bytes gives the same frames', () => {
    const line = fc.constantFrom(
      'data: {"t":"h\u00e9llo \u{1f600}"}',
      'data:',
      'event: e\u00fc',
      ': c',
      '',
      '',
      'x',
      '{"a":1}',
      'data: \ufeff',
    );
    const ending = fc.constantFrom('\n', '\r', '\r\n');
    const body = fc.array(fc.tuple(line, ending)).map((lines) => Buffer.from(lines.map((l) => l.join('')).join('')));
    fc.assert(
      fc.property(body, fc.array(fc.nat(), { maxLength: 30 }), fc.boolean(), (bytes, cuts, bom) => {
        const whole = bom ? Buffer.concat([Buffer.from('\ufeff'), bytes]) : bytes;
        const expected = framesOf(new SseFramer(), [whole]);
        expect(framesOf(new SseFramer(), cutAt(whole, cuts))).toEqual(expected);
        expect(framesOf(new SseFramer(), cutAt(whole, [...whole.keys()]))).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});

describe('lines of JSON', () => {
  const lines = (text: string) => framesOf(new NdjsonFramer(), [Buffer.from(text)]).map((frame) => frame.data);

  test('one frame a line, blank lines passed over, a last line without an end only if whole', () => {
    expect(lines('{"a":1}\n\n{"a":2}\r\n  \n{"a":3}')).toEqual(['{"a":1}', '{"a":2}', '{"a":3}']);
    expect(lines('{"a":1}\n{"a":')).toEqual(['{"a":1}']);
  });

  test('any cutting of the bytes gives the same frames', () => {
    fc.assert(
      fc.property(fc.array(fc.json()), fc.array(fc.nat(), { maxLength: 30 }), (values, cuts) => {
        const bytes = Buffer.from(values.join('\n'));
        expect(framesOf(new NdjsonFramer(), cutAt(bytes, cuts)).map((f) => JSON.parse(f.data))).toEqual(
          values.map((v) => JSON.parse(v)),
        );
      }),
    );
  });
});
