import { once } from 'node:events';
import net from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHttpUpstream, type HttpClient } from '../http.ts';
import { answerCases } from '../testing/answers.ts';
import { type Outcome, parse } from '../testing/outcome.ts';
import { spoilt } from '../testing/spoilt-answers.ts';

let answer: Buffer = Buffer.alloc(0);
const server = net.createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', () => socket.end(answer));
});
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.close();
});

/** The outcome over a socket. */
function ask(client: HttpClient, bytes: Buffer): Promise<Outcome> {
  answer = bytes;
  const { port } = server.address() as net.AddressInfo;
  const upstream = createHttpUpstream({ origin: `http://127.0.0.1:${port}`, connectTimeoutMs: 2_000, client });
  const outcome: Outcome = { status: 0, headers: {}, body: '', ending: 'open' };
  return new Promise((resolve) => {
    const over = (ending: Outcome['ending']) => void upstream.close().then(() => resolve({ ...outcome, ending }));
    upstream.send(
      { method: 'POST', path: '/', headers: {}, body: '{}' },
      {
        head: (status, headers) => Object.assign(outcome, { status, headers: { ...headers } }),
        data(piece) {
          outcome.body += Buffer.from(piece).toString('latin1');
        },
        end: () => over('end'),
        error: (kind) => over(kind),
      },
    );
  });
}

/** Where this client decides otherwise than undici, and why. All but the first two refuse what undici reads. */
const decisions: Readonly<Record<string, string>> = {
  '100': 'an interim answer that nobody expected is passed over (RFC 9110 section 15.2)',
  'blanks after a value': 'they are no part of the value (RFC 9112 section 5.1), nor of a length',
  'HTTP/0.9': 'HTTP/1.0 and 1.1 are spoken, nothing else',
  'HTTP/2.0': 'HTTP/1.0 and 1.1 are spoken, nothing else',
  RTSP: 'HTTP/1.0 and 1.1 are spoken, nothing else',
  'a status below 100': 'not a status (RFC 9110 section 15)',
  'NUL in the reason phrase': 'not a reason phrase (RFC 9112 section 4)',
  'an empty line before the answer': 'left over from an answer before it, or meant to shift one',
  'an endless head': 'a limit is told as such',
  'an empty transfer-encoding': 'a coding that is not chunked alone, beside a length',
  identity: 'no coding since RFC 7230',
  'gzip before chunked': 'no coding was asked for; its bytes would be taken for text',
  'chunked before deflate': 'the end of the body is not certain',
  'chunked, then identity': 'the end of the body is not certain',
  'chunked twice': 'forbidden (RFC 9112 section 6.1), and read differently by different servers',
  'chunked twice in one': 'forbidden (RFC 9112 section 6.1), and read differently by different servers',
  chunkedchunked: 'an unknown coding; undici takes the chunk sizes for text',
  xchunked: 'an unknown coding; undici takes the chunk sizes for text',
  'chunked in quotes': 'an unknown coding; undici takes the chunk sizes for text',
  'chunked with a parameter': 'an unknown coding; undici takes the chunk sizes for text',
  'chunks in HTTP/1.0': 'faulty framing (RFC 9112 section 6.1)',
  '101 without an upgrade': 'no other protocol was asked for',
  'an interim answer with a length': 'somebody on the way may take what follows for its body',
  'an interim answer with chunks': 'somebody on the way may take what follows for its body',
  'endless interim answers': 'a limit',
  'a chunk size beyond 2^53': 'a limit',
  'a chunk size of many zeros': 'a limit',
  'an endless extension': 'a limit',
  'endless trailers': 'a limit is told as such',
};

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

describe.each(answerCases)('$name', ({ name, bytes }) => {
  const whole = bytesOf(bytes);
  const { reusable: _, left: __, ...expected } = parse([whole]);

  test(name in decisions ? `differs from undici: ${decisions[name]}` : 'is what undici makes of it', async () => {
    const [native, undici] = [await ask('native', whole), await ask('undici', whole)];
    expect(native).toEqual(expected);
    if (name in decisions) expect(native).not.toEqual(undici);
    else expect(native).toEqual(undici);
  });

  test('is the same however its bytes are split', () => {
    const splits = Array.from({ length: Math.min(whole.length, 600) }, (_, at) => at);
    for (const at of splits) expect(parse([whole.subarray(0, at), whole.subarray(at)])).toMatchObject(expected);
    expect(parse([...whole].map((byte) => Buffer.of(byte)))).toMatchObject(expected);
  });
});

test('every decision is one about a case', () => {
  const names = answerCases.map(({ name }) => name);
  expect(Object.keys(decisions).filter((name) => !names.includes(name))).toEqual([]);
});

/** The two decisions that read more than undici does. */
const laxer = /HTTP\/1\.1 100|Content-Length:[^\r]*[ \t]\r/;

test('of spoilt answers, none is whole that is not the same to undici', async () => {
  await fc.assert(
    fc.asyncProperty(spoilt, async (bytes) => {
      const read = parse([bytes]);
      fc.pre(read.ending === 'end' && !laxer.test(bytes.toString('latin1')));
      const { status, body, ending } = await ask('undici', bytes);
      expect({ status, body, ending }).toEqual({ status: read.status, body: read.body, ending: read.ending });
    }),
    { numRuns: 400 },
  );
});
