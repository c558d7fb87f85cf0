import { afterAll, expect, test } from 'vitest';
import type { Answer, Caller, Connection } from '../clients/caller.ts';
import { connectNode } from '../clients/connect-node.ts';
import { grpcJs } from '../clients/grpc-js.ts';
import { openaiNode } from '../clients/openai.ts';
import { type GatewayProcess, spawnGateway } from '../support/gateway.ts';

const STREAMS = 50;
/** Takes about two seconds. */
const slow = { model: 'sim/sim:tokens=40,tps=20', content: 'Hello', maxTokens: 100 };

const started: GatewayProcess[] = [];
afterAll(() => Promise.all(started.map((gateway) => gateway.stop())));

/** How many calls the gateway says are open. */
async function inFlight(gateway: GatewayProcess): Promise<number> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const samples = text.match(/^llmbridge_requests_in_flight\{[^}]*ChatCompletion[^}]*\} \d+$/gm) ?? [];
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const limit = AbortSignal.timeout(15_000);
  while (!(await holds())) limit.throwIfAborted();
}

test('SIGTERM during 50 streams loses none, refuses new calls, and exits 0', async () => {
  const gateway = await spawnGateway('providers: { sim: { type: simulator, models: [sim] } }');
  started.push(gateway);
  const callers: readonly Caller[] = [grpcJs, openaiNode, ...connectNode];
  const connections: Connection[] = [];
  const answers: Promise<Answer>[] = [];
  for (let i = 0; i < STREAMS; i++) {
    const caller = callers[i % callers.length] as Caller;
    const connection = await caller.connect(gateway.port);
    connections.push(connection);
    answers.push(connection.ask('stream', slow));
  }
  await until(async () => (await inFlight(gateway)) >= STREAMS);

  gateway.child.kill('SIGTERM');
  const ended = await Promise.all(answers);
  for (const answer of ended) expect(answer).toMatchObject({ finish: 'stop', completionTokens: 40 });
  expect(new Set(ended.map(({ text }) => text)).size).toBe(1);

  expect(await gateway.exited).toBe(0);
  expect(gateway.output()).toMatch(/"event":"drained".*"cut":0/);
  await expect(fetch(`${gateway.url}/health`)).rejects.toThrow();
  for (const connection of connections) await connection.close();
}, 60_000);

test('what has not finished at drain_timeout is told so, on every protocol, and the exit is still 0', async () => {
  const gateway = await spawnGateway(
    'server: { drain_timeout: 500ms }\nproviders: { sim: { type: simulator, models: [sim] } }',
  );
  started.push(gateway);
  const endless = { ...slow, model: 'sim/sim:tokens=1000,tps=20', maxTokens: 2000 };
  const connections = await Promise.all(
    [grpcJs, openaiNode, ...connectNode].map((caller) => caller.connect(gateway.port)),
  );
  const answers = connections.map((connection) => connection.ask('stream', endless));
  await until(async () => (await inFlight(gateway)) >= connections.length);

  gateway.child.kill('SIGTERM');
  for (const { failure, text } of await Promise.all(answers)) {
    expect(text).not.toBe('');
    expect(['UNAVAILABLE', 'shutting_down']).toContain(failure?.code);
  }
  expect(await gateway.exited).toBe(0);
  for (const connection of connections) await connection.close();
}, 60_000);
