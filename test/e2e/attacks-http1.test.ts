import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { drip, sendRaw } from '../support/raw-http.ts';

// Requests that two parsers on one road may read otherwise, and senders that never come to an end.

const headersTimeout = 500;
const requestTimeout = 800;
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(`
server: { headers_timeout: ${headersTimeout}ms, request_timeout: ${requestTimeout}ms, max_request_bytes: 64KiB }
providers: { sim: { type: simulator, models: [sim] } }
`);
});
afterAll(() => gateway.stop());

const body = '{"model":"sim","messages":[{"role":"user","content":"Hi"}]}';
const size = body.length.toString(16);
const chat = 'POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n';
const chunks = `${size}\r\n${body}\r\n0\r\n\r\n`;
/** What a smuggler would have served behind the request. */
const hidden = 'GET /hidden HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';

const served = async (): Promise<void> => {
  const { statuses } = await sendRaw(
    gateway.port,
    `${chat}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    5_000,
  );
  expect(statuses).toEqual([200]);
};

/** Refused with one reply, and nothing of what stands behind it is read. */
const smuggled: Readonly<Record<string, string>> = {
  'a length, then chunks': `${chat}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}${hidden}`,
  'chunks, then a length': `${chat}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n${chunks}${hidden}`,
  'a space before the colon': `${chat}Transfer-Encoding : chunked\r\n\r\n${chunks}${hidden}`,
  'a coding that is nearly chunked': `${chat}Transfer-Encoding: xchunked\r\n\r\n${chunks}${hidden}`,
  'a vertical tab before it': `${chat}Transfer-Encoding:\x0bchunked\r\n\r\n${chunks}${hidden}`,
  'a zero byte behind it': `${chat}Transfer-Encoding: chunked\x00\r\n\r\n${chunks}${hidden}`,
  'it in quotes': `${chat}Transfer-Encoding: "chunked"\r\n\r\n${chunks}${hidden}`,
  'it before another': `${chat}Transfer-Encoding: chunked, identity\r\n\r\n${chunks}${hidden}`,
  'it behind another': `${chat}Transfer-Encoding: identity, chunked\r\n\r\n${chunks}${hidden}`,
  'it behind a compression': `${chat}Transfer-Encoding: gzip, chunked\r\n\r\n${chunks}${hidden}`,
  'it twice': `${chat}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}${hidden}`,
  'it and identity': `${chat}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${chunks}${hidden}`,
  'it folded': `${chat}Transfer-Encoding:\r\n chunked\r\n\r\n${chunks}${hidden}`,
  'one length twice': `${chat}Content-Length: 5\r\nContent-Length: 5\r\n\r\n${body}${hidden}`,
  'two lengths': `${chat}Content-Length: ${body.length}\r\nContent-Length: 5\r\n\r\n${body}${hidden}`,
  'a list of lengths': `${chat}Content-Length: 5, 5\r\n\r\n${body}${hidden}`,
  'a length with a sign': `${chat}Content-Length: +5\r\n\r\n${body}${hidden}`,
  'a negative length': `${chat}Content-Length: -1\r\n\r\n${body}${hidden}`,
  'a length in hex': `${chat}Content-Length: 0x5\r\n\r\n${body}${hidden}`,
  'a length with a space in it': `${chat}Content-Length: 5 9\r\n\r\n${body}${hidden}`,
  'a length beyond 64 bits': `${chat}Content-Length: 99999999999999999999999\r\n\r\n${body}${hidden}`,
  'an empty length': `${chat}Content-Length: \r\n\r\n${hidden}`,
  'line feeds alone': `${chat}Content-Length: ${body.length}\r\n\r\n${body}`.replaceAll('\r\n', '\n') + hidden,
  'one line feed alone': `${chat}X: a\nContent-Length: ${body.length}\r\n\r\n${body}${hidden}`,
  'a carriage return alone': `${chat}X: a\rTransfer-Encoding: chunked\r\n\r\n${chunks}${hidden}`,
  'a folded header': `${chat}X: a\r\n Transfer-Encoding: chunked\r\n\r\n${hidden}`,
  'a space before the first header': `GET /health/live HTTP/1.1\r\n Host: 127.0.0.1\r\n\r\n${hidden}`,
  'a chunk extension that ends in a line feed': `${chat}Transfer-Encoding: chunked\r\n\r\n${size};a\n${body}\r\n0\r\n\r\n${hidden}`,
  'a chunk size beyond 64 bits': `${chat}Transfer-Encoding: chunked\r\n\r\n1000000000000003b\r\n${body}\r\n0\r\n\r\n${hidden}`,
  'a chunk size with 0x': `${chat}Transfer-Encoding: chunked\r\n\r\n0x${size}\r\n${body}\r\n0\r\n\r\n${hidden}`,
  'a negative chunk size': `${chat}Transfer-Encoding: chunked\r\n\r\n-1\r\n${body}\r\n0\r\n\r\n${hidden}`,
  'a chunk size with a space': `${chat}Transfer-Encoding: chunked\r\n\r\n${size} \r\n${body}\r\n0\r\n\r\n${hidden}`,
  'chunks parted by line feeds': `${chat}Transfer-Encoding: chunked\r\n\r\n${size}\n${body}\n0\n\n${hidden}`,
  'a chunk longer than its size': `${chat}Transfer-Encoding: chunked\r\n\r\n${size}\r\n${body}XX0\r\n\r\n${hidden}`,
  'a length among the trailers': `${chat}Transfer-Encoding: chunked\r\n\r\n${size}\r\n${body}\r\n0\r\nContent-Length: 9\r\n\r\n${hidden}`,
  'another host in the target': `GET http://evil.example/v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n${hidden}`,
  'a user in the target': `GET http://127.0.0.1@evil.example/v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n${hidden}`,
  'two hosts': `GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n${hidden}`,
  'no host': `GET /health/live HTTP/1.1\r\n\r\n${hidden}`,
  'a zero byte in a header': `GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\n\r\n${hidden}`,
  'version 1.2': `GET /health/live HTTP/1.2\r\nHost: 127.0.0.1\r\n\r\n${hidden}`,
  'version 2.0': `GET /health/live HTTP/2.0\r\nHost: 127.0.0.1\r\n\r\n${hidden}`,
  'version 0.9': `GET /health/live\r\n\r\n${hidden}`,
};

describe('a request with', () => {
  test.each(Object.keys(smuggled))('%s is refused, and nothing behind it is read', async (name) => {
    const before = gateway.log.length;
    const { text, statuses, closed } = await sendRaw(gateway.port, smuggled[name] ?? '', 3_000);
    expect(closed).toBe(true);
    // A body may be refused after its head was answered; the one reply is never about what was hidden.
    expect(statuses).toEqual([400]);
    expect(text).not.toContain('hidden');
    expect(text).toMatch(/^x-content-type-options: nosniff$/m);
    const id = /^x-request-id: (.*)$/m.exec(text)?.[1]?.trim();
    expect(gateway.log.slice(before)).toContainEqual(expect.objectContaining({ request_id: id, msg: 'call' }));
    await served();
  });

  test('another framing than its neighbours is told from them', async () => {
    const extended = `${chat}Transfer-Encoding: chunked\r\n\r\n${size};a=b\r\n${body}\r\n0\r\nX-Api-Key: late\r\n\r\n`;
    const plain = `${chat}Content-Length: ${body.length}\r\n\r\n${body}`;
    const { statuses } = await sendRaw(gateway.port, `${extended}${plain}${extended}`);
    expect(statuses).toEqual([200, 200, 200]);
  });

  test('an endless chunk extension is cut', async () => {
    const { statuses, closed } = await sendRaw(
      gateway.port,
      `${chat}Transfer-Encoding: chunked\r\n\r\n${size};${'a'.repeat(100_000)}`,
      3_000,
    );
    expect([statuses, closed]).toEqual([[413], true]);
  });

  test('chunks in HTTP/1.0 has its connection closed behind it', async () => {
    const old = chat.replace('HTTP/1.1', 'HTTP/1.0');
    const { text, closed } = await sendRaw(
      gateway.port,
      `${old}Transfer-Encoding: chunked\r\n\r\n${chunks}${hidden}`,
      3_000,
    );
    expect(closed).toBe(true);
    expect(text).not.toContain('hidden');
  });

  test('CONNECT leads nowhere', async () => {
    const { text, closed } = await sendRaw(
      gateway.port,
      `CONNECT evil.example:443 HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`,
    );
    expect([text, closed]).toEqual(['', true]);
  });
});

describe('who sends slowly', () => {
  const slack = 2_000;
  /** Who was refused is read for a while, to come to see it. */
  const discarding = 5_000;

  test('a head is cut off in time, and the others are served meanwhile', async () => {
    const drips = Array.from({ length: 200 }, (_, i) =>
      drip(
        gateway.port,
        i % 2 === 0 ? 'GET /v1/models HTTP/1.1\r\nHost: a\r\n' : 'P',
        100,
        i % 2 === 0 ? 'X: a\r\n' : 'O',
      ),
    );
    await served();
    for (const lived of await Promise.all(drips)) expect(lived).toBeLessThan(headersTimeout + slack);
  });

  test('a body is cut off in time', async () => {
    const drips = [
      drip(gateway.port, `${chat}Content-Length: 60000\r\n\r\n{`, 100, ' '),
      drip(gateway.port, `${chat}Transfer-Encoding: chunked\r\n\r\n`, 100, '1\r\n \r\n'),
    ];
    await served();
    for (const lived of await Promise.all(drips)) expect(lived).toBeLessThan(requestTimeout + discarding + slack);
  });

  test('nothing at all is cut off in time', async () => {
    const lived = await drip(gateway.port, '', 60_000, '');
    expect(lived).toBeLessThan(headersTimeout + slack);
  });
});
