import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createSimulatorServer, type SimulatorServer } from '../../src/simulator/server.ts';
import type { Caller } from '../clients/caller.ts';
import { connectNode } from '../clients/connect-node.ts';
import { grpcJs } from '../clients/grpc-js.ts';
import { openaiNode } from '../clients/openai.ts';
import { goClient, pythonClient } from '../clients/programs.ts';
import { protoLoader } from '../clients/proto-loader.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { suite } from '../support/parts.ts';

// A caller that goes away takes the provider's socket with it, in every phase of a call.

const WITHIN_MS = 100;
/** The machine may be busy: the promise is kept if one of so many tries keeps it. */
const TRIES = 3;

let simulator: SimulatorServer;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await createSimulatorServer();
  gateway = await startGateway(
    `providers: { up: { type: openai-compatible, base_url: "http://127.0.0.1:${simulator.port}/v1" } }`,
  );
});
afterAll(async () => {
  await gateway?.stop();
  await simulator?.close();
});
beforeEach(() => simulator.reset());

/** Resolves when the provider has no exchange open; rejects after ten seconds. */
async function upstreamClosed(): Promise<void> {
  const limit = AbortSignal.timeout(10_000);
  while (simulator.requests().open > 0) {
    limit.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Resolves when the provider has been asked `count` times. */
async function upstreamAsked(count: number): Promise<void> {
  const limit = AbortSignal.timeout(10_000);
  while (simulator.requests().requests.length < count) {
    limit.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The shortest time, over the tries, from the caller's leaving to the provider's socket closed, in milliseconds. */
async function fastest(leave: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < TRIES; i++) {
    await leave();
    const left = performance.now();
    await upstreamClosed();
    times.push(performance.now() - left);
  }
  expect(simulator.requests().requests.map(({ outcome }) => outcome)).toEqual(Array(TRIES).fill('left'));
  return Math.min(...times);
}

const endless = { model: 'up/sim:tokens=10000,tps=50', content: 'Hello', maxTokens: 20_000 };

const midStream: readonly Caller[] = [grpcJs, protoLoader, openaiNode, ...connectNode, goClient, pythonClient];

for (const caller of midStream) {
  suite(`${caller.name} cancels mid-stream`, caller.needs, () => {
    test('the provider is let go within 100 ms, and the caller sees a cancelled call', async () => {
      const connection = await caller.connect(gateway.port);
      const elapsed = await fastest(async () => {
        const { failure, pieces } = await connection.ask('cancel', endless);
        expect(pieces).toBeGreaterThanOrEqual(3);
        expect(failure?.code).toBe('CANCELLED');
      });
      await connection.close();
      expect(elapsed).toBeLessThan(WITHIN_MS);
    }, 300_000);
  });
}

describe('a socket that closes', () => {
  const phases = [
    ['before the first token of a stream', 'up/sim:ttft=60s', true],
    ['before a whole answer', 'up/sim:ttft=60s', false],
    ['while the provider says nothing', 'up/sim:fault=silent', true],
  ] as const;

  test.each(phases)('%s', async (_, model, stream) => {
    let asked = 0;
    const elapsed = await fastest(async () => {
      const request = httpRequest({
        port: gateway.port,
        host: '127.0.0.1',
        path: '/v1/chat/completions',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        agent: false,
      });
      request.on('error', () => {});
      request.end(JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'Hello' }] }));
      await upstreamAsked(++asked);
      request.destroy();
    });
    expect(elapsed).toBeLessThan(WITHIN_MS);
  });
});

test('what was cancelled is logged as cancelled, and nothing stays in flight', async () => {
  const connection = await grpcJs.connect(gateway.port);
  await connection.ask('cancel', endless);
  await upstreamClosed();
  await connection.close();
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  for (const [, count] of metrics.matchAll(/^llmbridge_requests_in_flight\{[^}]*ChatCompletion[^}]*\} (\d+)$/gm)) {
    expect(count).toBe('0');
  }
  expect(metrics).toMatch(/^llmbridge_requests_total\{[^}]*outcome="CANCELLED"[^}]*\} [1-9]/m);
});
