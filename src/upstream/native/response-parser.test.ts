import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from '../testing/outcome.ts';
import { spoilt } from '../testing/spoilt-answers.ts';

const token = fc
  .stringMatching(/^[a-z][a-z0-9-]{0,12}$/)
  .filter((name) => !/^(?:content-|transfer-|connection|keep-)/.test(name));
const value = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/);
const payload = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 });
const extension = fc.oneof(
  fc.constant(''),
  token.map((name) => `;${name}`),
  fc.tuple(token, token).map((pair) => `;${pair.join('=')}`),
);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** An answer with an end of its own, and what is to be made of it. */
const answers = fc
  .record({
    status: fc.constantFrom(200, 201, 400, 429, 500),
    interim: fc.nat({ max: 2 }),
    fields: fc.array(fc.tuple(token, value), { maxLength: 6 }),
    payload,
    extensions: fc.array(extension, { minLength: 7, maxLength: 7 }),
    trailers: fc.array(fc.tuple(token, value), { maxLength: 2 }),
    chunked: fc.boolean(),
  })
  .map(({ status, interim, fields, payload, extensions, trailers, chunked }) => {
    const body = payload.map(text).join('');
    const lines = (pairs: readonly (readonly [string, string])[]) =>
      pairs.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const chunks = payload.map((piece, i) => `${piece.length.toString(16)}${extensions[i]}\r\n${text(piece)}\r\n`);
    const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`;
    const sent = chunked ? `${chunks.join('')}0${extensions[6]}\r\n${lines(trailers)}\r\n` : body;
    const head = `${'HTTP/1.1 103 Early\r\nA: b\r\n\r\n'.repeat(interim)}HTTP/1.1 ${status} X\r\n${lines(fields)}${framing}\r\n\r\n`;
    return { bytes: Buffer.from(head + sent, 'latin1'), status, body, fields };
  });

/** Bytes in pieces; `cuts` are places in them, in thousandths. */
function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = cuts.map((cut) => Math.floor((cut / 1_000) * bytes.length)).sort((a, b) => a - b);
  return [0, ...places].map((from, i) => bytes.subarray(from, places[i] ?? bytes.length));
}
const cuts = fc.array(fc.nat({ max: 1_000 }), { maxLength: 12 });

test('what a server means is what is read, however it is split', () => {
  fc.assert(
    fc.property(answers, cuts, ({ bytes, status, body, fields }, places) => {
      const read = parse(split(bytes, places), false);
      expect(read).toMatchObject({ status, body, ending: 'end', left: 0, reusable: true });
      for (const [name, value] of fields) expect([read.headers[name]].flat()).toContain(value);
    }),
  );
});

test('an answer cut short is never whole', () => {
  fc.assert(
    fc.property(answers, cuts, fc.nat(), ({ bytes }, places, at) => {
      const cut = bytes.subarray(0, at % bytes.length);
      expect(parse(split(cut, places)).ending).toBe('reset');
    }),
  );
});

test('bytes after an answer are not taken for a part of it', () => {
  fc.assert(
    fc.property(answers, fc.uint8Array({ minLength: 1 }), ({ bytes, body }, more) => {
      expect(parse([Buffer.concat([bytes, more])])).toMatchObject({ body, ending: 'end', left: more.length });
    }),
  );
});

test('spoilt answers and noise have an ending, the same however they are split', () => {
  const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof({ weight: 5, arbitrary: spoilt }, { weight: 1, arbitrary: noise }), cuts, (bytes, places) => {
      const { left, reusable, ...whole } = parse([bytes]);
      expect(whole.ending).not.toBe('open');
      expect(parse(split(bytes, places))).toMatchObject(whole);
    }),
    { numRuns: 3_000 },
  );
});
