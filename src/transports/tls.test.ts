import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Credentials, certificates } from '../../test/support/certificates.ts';
import { chat, unaryPath } from '../../test/support/chat.ts';
import { openPort, type Port, requestH2 } from '../../test/support/port.ts';
import type { TlsOptions } from './parts.ts';

const made = certificates();
let server: Credentials;
let client: Credentials;
let stranger: Credentials;
beforeAll(() => {
  server = made.selfSigned('server', 'DNS:localhost,IP:127.0.0.1');
  client = made.selfSigned('client', 'URI:spiffe://example.org/alice,DNS:alice.example.org');
  stranger = made.selfSigned('stranger', 'URI:spiffe://example.org/mallory');
});
afterAll(() => made.remove());

let port: Port;
afterEach(() => port.server.close());
async function open(more: Partial<TlsOptions> = {}): Promise<void> {
  port = await openPort(chat({}), { tls: { ...server, ...more } });
}

async function overH2(credentials: Partial<Credentials> = {}): Promise<string> {
  const session = http2.connect(`https://localhost:${port.port}`, { ca: server.cert, ...credentials });
  const failed = once(session, 'error').then(([error]) => Promise.reject(error));
  const headers = { ':path': unaryPath, 'content-type': 'application/json' };
  const reply = await Promise.race([requestH2(session, headers, '{"model":"m"}'), failed]);
  failed.catch(() => {});
  session.close();
  if (String(reply.headers[':status']) !== '200') throw new Error('no answer');
  return reply.body.toString();
}

async function overH1(credentials: Partial<Credentials> = {}): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const options = { ca: server.cert, method: 'POST', headers, agent: false, ...credentials };
  const request = https.request(`https://localhost:${port.port}${unaryPath}`, options);
  request.end('{"model":"m"}');
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
  const [body] = (await once(response, 'data')) as [Buffer];
  return body.toString();
}

it('serves HTTP/2 and HTTP/1.1 by ALPN', async () => {
  await open();
  expect(await overH2()).toBe('{"id":"m"}');
  expect(await overH1()).toBe('{"id":"m"}');
  expect(port.begun.map(({ certificate }) => certificate)).toEqual([undefined, undefined]);
});

it('serves plain requests to the JSON surface, and others, over one connection', async () => {
  await open({ clientCa: client.cert });
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca: server.cert, ...client });
  const ask = async (method: string, path: string, body?: string) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length };
    const request = https.request(`https://localhost:${port.port}${path}`, { method, headers, agent });
    request.end(body);
    const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
    let text = '';
    for await (const piece of response) text += piece;
    return `${response.statusCode} ${text}`;
  };
  const chatPath = '/v1/chat/completions';
  expect(await ask('POST', chatPath, `{"model":"m","user":"${'x'.repeat(100_000)}"}`)).toMatch(/^200 .*"id":"m"/);
  expect(await ask('POST', chatPath, '{"model":"m","stream":true}')).toMatch(/^200 .*\[DONE\]/s);
  expect(await ask('GET', '/nowhere')).toMatch(/^404 /);
  expect(await ask('POST', chatPath, '{"model":"n"}')).toMatch(/^200 .*"id":"n"/);
  expect(port.begun.map(({ certificate }) => certificate?.uris)).toEqual(Array(4).fill(['spiffe://example.org/alice']));
  agent.destroy();
});

it('tells who a client certificate names', async () => {
  await open({ clientCa: client.cert });
  await overH2(client);
  await overH1(client);
  await overH1();
  const alice = { subject: 'O=Example\nCN=client', commonName: 'client', uris: ['spiffe://example.org/alice'] };
  expect(port.begun.map(({ certificate }) => certificate)).toEqual([alice, alice, undefined]);
});

it('refuses a certificate that does not verify, even where none is needed', async () => {
  await open({ clientCa: client.cert });
  await expect(overH2(stranger)).rejects.toThrow();
  await expect(overH1(stranger)).rejects.toThrow();
  expect(port.begun).toEqual([]);
});

it('refuses callers without a certificate where one is needed', async () => {
  await open({ clientCa: client.cert, requireClientCertificate: true });
  await expect(overH1()).rejects.toThrow();
  expect(await overH1(client)).toBe('{"id":"m"}');
});

it('survives what is no TLS, and a handshake that breaks off', async () => {
  await open();
  for (const bytes of ['GET / HTTP/1.1\r\n\r\n', Buffer.from([22, 3, 1, 0, 200, 1])]) {
    const socket = net.connect(port.port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.end(bytes);
    await once(socket.resume(), 'close');
  }
  const socket = tls.connect({ port: port.port, host: 'localhost', ca: server.cert, ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  socket.destroy();
  expect(await overH2()).toBe('{"id":"m"}');
});
