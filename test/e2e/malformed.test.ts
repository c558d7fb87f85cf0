import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { grpcJs } from '../clients/grpc-js.ts';
import { type Outcome, sendMalformed } from '../clients/malformed.ts';
import { MAX_REQUEST_BYTES } from '../clients/malformed-bodies.ts';
import { type GatewayProcess, spawnGateway } from '../support/gateway.ts';
import { Random } from '../support/random.ts';

const INPUTS = 1_000;
const AT_ONCE = 8;
const MIB = 1 << 20;

let gateway: GatewayProcess;
beforeAll(async () => {
  gateway = await spawnGateway(
    `server: { max_request_bytes: ${MAX_REQUEST_BYTES} }\nproviders: { sim: { type: simulator, models: [sim] } }`,
    // A collection can be asked for by a signal, so that what is measured is what is held.
    { NODE_FLAGS: '--expose-gc --import=./test/support/collect-on-signal.ts' },
  );
});
afterAll(() => gateway.stop());

/** Bytes of the process that are in memory, after a collection. */
async function residentBytes(): Promise<number> {
  const collections = () => gateway.output().split('collected\n').length;
  const before = collections();
  gateway.child.kill('SIGUSR2');
  const limit = AbortSignal.timeout(5_000);
  while (collections() === before) {
    limit.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const status = readFileSync(`/proc/${gateway.child.pid}/status`, 'utf8');
  return Number(status.match(/^VmRSS:\s+(\d+) kB$/m)?.[1]) * 1024;
}

async function sendAll(seed: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let next = 0;
  const worker = async () => {
    while (next < INPUTS) outcomes.push(await sendMalformed(gateway.port, new Random(seed + next++)));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return outcomes;
}

test('1,000 malformed inputs each get a typed error, and the process serves on in the memory it had', async () => {
  const warm = await sendAll(1_000_000);
  const before = await residentBytes();
  const outcomes = [...warm, ...(await sendAll(2_000_000))];
  const after = await residentBytes();

  const untyped = outcomes.filter(({ error }) => error === undefined);
  const kinds = new Map(untyped.map((outcome) => [`${outcome.surface}: ${outcome.kind}`, outcome.reply]));
  expect(Object.fromEntries(kinds)).toEqual({});
  expect(new Set(outcomes.map(({ surface }) => surface)).size).toBe(6);
  console.log(
    `resident after 1,000 inputs ${Math.round(before / MIB)} MiB, after 2,000 ${Math.round(after / MIB)} MiB`,
  );
  expect(after - before).toBeLessThan(24 * MIB);

  const connection = await grpcJs.connect(gateway.port);
  expect(await connection.ask('chat', { model: 'sim', content: 'Hello', maxTokens: 4 })).toMatchObject({
    completionTokens: 4,
  });
  await connection.close();
  expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200);
  expect(gateway.output()).not.toContain('"event":"failed"');
}, 180_000);
