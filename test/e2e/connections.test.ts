import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSimulatorServer, type SimulatorServer } from '../../src/simulator/server.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';

// How long a connection to a provider may take to stand, and how long it is used.

let simulator: SimulatorServer;
let gateway: TestGateway;
let mutePort = 0;
/** Takes connections and never says a word: no TLS handshake with it comes to its end. */
const mute = net.createServer((socket) => void socket.on('error', () => {}).resume());
/** Connections made to the provider, each through one of two doors. */
const doors = { brief: 0, lasting: 0 };
const servers: net.Server[] = [mute];

async function listen(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

function door(name: keyof typeof doors): net.Server {
  const server = net.createServer((socket) => {
    doors[name]++;
    const inner = net.connect(simulator.port, '127.0.0.1');
    socket.pipe(inner).pipe(socket);
    for (const end of [socket, inner]) end.on('error', () => {});
    socket.on('close', () => inner.destroy());
  });
  servers.push(server);
  return server;
}

beforeAll(async () => {
  simulator = await createSimulatorServer();
  mutePort = await listen(mute);
  const brief = await listen(door('brief'));
  const lasting = await listen(door('lasting'));
  gateway = await startGateway(`
balancer: { timeouts: { connect: 60s }, retry: { max: 0 } }
providers:
  mute: { type: openai-compatible, base_url: "https://127.0.0.1:${mutePort}/v1", timeouts: { connect: 100ms } }
  brief: { type: openai-compatible, base_url: "http://127.0.0.1:${brief}/v1", timeouts: { connection_age: 1ms } }
  lasting: { type: openai-compatible, base_url: "http://127.0.0.1:${lasting}/v1" }
`);
});
afterAll(async () => {
  await gateway?.stop();
  for (const server of servers) server.close();
  await simulator?.close();
});

async function ask(model: string) {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }),
  });
  return { status: response.status, text: await response.text() };
}

test("a provider's own connect timeout is shorter than the others'", async () => {
  const { status, text } = await ask('mute/m');
  expect(status).toBe(503);
  expect(text).toContain('could not be reached');
});

test('a connection is used again until it has come of age', async () => {
  for (let i = 0; i < 3; i++) expect((await ask('lasting/sim')).status).toBe(200);
  expect(doors.lasting).toBe(1);
  // Each answer takes longer than the connection may live.
  for (let i = 0; i < 3; i++) expect((await ask('brief/sim:ttft=20ms')).status).toBe(200);
  expect(doors.brief).toBe(3);
});
