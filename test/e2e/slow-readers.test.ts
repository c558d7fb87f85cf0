import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GatewayProcess, spawnGateway } from '../support/gateway.ts';
import { usageOf } from '../support/process-usage.ts';
import { slowGrpc, slowSse } from '../support/slow-readers.ts';

// A caller that does not read holds its provider back, and costs the gateway no memory; one that never reads on is cut off.

const eventBytes = 16_384;
const events = 12_800;
/** What a socket at each side, and the two of the gateway between, may hold. */
const mostOnTheWay = 40e6;

const roomIn = (response: http.ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const settle = () => {
      response.off('drain', settle).off('close', settle);
      resolve();
    };
    response.on('drain', settle).on('close', settle);
  });

/** A provider that says 200 MB as fast as it is heard. */
async function startTalker() {
  const pieceOf = (i: number) => `${i} `.padEnd(eventBytes, 'all of it ');
  const hash = createHash('sha256');
  for (let i = 0; i < events; i++) hash.update(pieceOf(i));
  const state = { sent: 0, open: 0 };
  const server = http.createServer(async (request, response) => {
    state.open++;
    response.on('error', () => {}).on('close', () => state.open--);
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const chunk = (delta: object, finish: string | null) =>
      `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    for (let i = 0; i < events && !response.destroyed; i++) {
      state.sent += eventBytes;
      if (!response.write(chunk({ content: pieceOf(i) }, null))) await roomIn(response);
    }
    response.end(`${chunk({}, 'stop')}data: [DONE]\n\n`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    state,
    hash: hash.digest('hex'),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe.each([
  ['SSE', slowSse],
  ['gRPC', slowGrpc],
] as const)('a caller over %s', (_, read) => {
  let talker: Awaited<ReturnType<typeof startTalker>>;
  beforeAll(async () => {
    talker = await startTalker();
  });
  const gateways: GatewayProcess[] = [];
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    talker.close();
  });
  const start = async (stalled: string) => {
    const gateway = await spawnGateway(`
server: { stalled_reader_timeout: ${stalled} }
providers: { up: { type: openai, base_url: "http://127.0.0.1:${talker.port}/v1", api_keys: [k] } }
models: [{ name: much, targets: [{ provider: up, model: m }] }]
`);
    gateways.push(gateway);
    return gateway;
  };
  /** Resolves once the provider was not heard for half a second. */
  const heldBack = async () => {
    for (let sent = -1; sent !== talker.state.sent; ) {
      sent = talker.state.sent;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  };

  test('that stops amid 200 MB holds the provider back, and has all of it once it reads on', async () => {
    const gateway = await start('60s');
    const pid = gateway.child.pid ?? 0;
    const before = usageOf(pid).memory;
    const stream = read(gateway.port, 'much');
    await stream.stopped;
    await heldBack();
    expect(talker.state.sent).toBeLessThan(mostOnTheWay);
    expect(usageOf(pid).memory - before).toBeLessThan(mostOnTheWay / 1e6 + 40);
    stream.resume();
    const text = await stream.text;
    expect(text?.length).toBe(events * eventBytes);
    expect(
      createHash('sha256')
        .update(text ?? '')
        .digest('hex'),
    ).toBe(talker.hash);
  }, 60_000);

  test('that never reads on is cut off after stalled_reader_timeout, and so is the provider', async () => {
    const gateway = await start('1s');
    const stream = read(gateway.port, 'much');
    await stream.stopped;
    await expect.poll(() => talker.state.open, { timeout: 20_000 }).toBe(0);
    await expect.poll(() => gateway.output(), { timeout: 5_000 }).toMatch(/"msg":"call"/);
    expect(gateway.output()).toContain('"outcome":"CANCELLED"');
    stream.resume();
    expect(await stream.text).toBeUndefined();
  }, 60_000);
});
