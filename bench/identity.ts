/**
 * What the audit log and signed requests cost, CPU microseconds on one core, medians of all rounds: a record made, chained
 * and written, 40 at a time; a signed request of 2 KB verified; and the look at a call that is not signed.
 *
 *   node bench/identity.ts
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequestSignatures } from '../src/interceptors/request-signature.ts';
import { SigningKeys } from '../src/interceptors/signing-keys.ts';
import { Call } from '../src/kernel/call.ts';
import { systemClock } from '../src/kernel/clock.ts';
import type { Method } from '../src/kernel/method.ts';
import { AuditLog } from '../src/telemetry/audit/log.ts';

const ROUNDS = 21;
const CALLS = 5_000;
const method = '/llmbridge.v1.ChatService/ChatCompletion';
const secret = randomBytes(32);
const body = randomBytes(2048);

function callWith(headers: Record<string, string>): Call {
  const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parentId: '', flags: '01', state: '' };
  const init = { id: 'c'.repeat(36), method, protocol: 'grpc' as const, headers, address: '192.0.2.1', trace };
  const call = new Call({ ...init, startedAt: systemClock.now() });
  call.principal = { user: 'alice', method: 'api-key', credential: 'laptop' };
  return call;
}

function signed(): Record<string, string> {
  const time = String(Math.floor(Date.now() / 1000));
  const digest = createHash('sha256').update(body).digest('hex');
  const text = ['llm-bridge-request-v1', 'POST', method, 's1', 'alice', time, 'n'.repeat(22), digest].join('\n');
  return {
    'x-request-key-id': 's1',
    'x-request-timestamp': time,
    'x-request-nonce': 'n'.repeat(22),
    'x-request-signature': createHmac('sha256', secret).update(text).digest('hex'),
  };
}

const keys = new SigningKeys([{ id: 's1', secret }]);
const served: Method<unknown, unknown> = () => Promise.resolve();
const check = createRequestSignatures({ mode: 'optional', keys: () => keys, windowMs: 300_000 })(served);
const reply = { message: () => true, onDrain: () => {} };

/** CPU microseconds for each call of a round, the median of all rounds. */
async function measure(name: string, round: () => Promise<void>): Promise<void> {
  const costs: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const before = process.cpuUsage();
    await round();
    const { user, system } = process.cpuUsage(before);
    costs.push((user + system) / CALLS);
  }
  costs.sort((a, b) => a - b);
  process.stdout.write(`${name}: ${costs[ROUNDS >> 1]?.toFixed(2)} µs\n`);
}

const folder = mkdtempSync(join(tmpdir(), 'llm-bridge-bench-'));
let written = 0;
const nothing = () => {};
const log = await AuditLog.open({
  path: join(folder, 'audit.jsonl'),
  key: secret,
  worker: 0,
  maxFileBytes: 2 ** 30,
  maxWaiting: CALLS * 2,
  anchorMs: 60_000,
  clock: systemClock,
  events: {
    written(records) {
      written += records;
    },
    waiting: nothing,
    lost: nothing,
    failing: nothing,
    interfered: nothing,
    resumed: nothing,
    unverified: nothing,
    anchored: nothing,
  },
});
const ended = callWith({});
await measure('an audit record', async () => {
  const end = written + CALLS;
  for (let i = 0; i < CALLS; i += 40) {
    for (let j = 0; j < 40; j++) log.record(ended, undefined);
    await new Promise((resolve) => setImmediate(resolve));
  }
  while (written < end) await new Promise((resolve) => setTimeout(resolve, 5));
});
await log.close();
rmSync(folder, { recursive: true });

const headers = signed();
for (const [name, own] of [
  ['a signed request', headers],
  ['a request that is not signed', {}],
] as const) {
  const call = callWith(own);
  await measure(name, async () => {
    for (let i = 0; i < CALLS; i++) {
      call.body = body;
      call.claim = undefined;
      await check(call, {}, reply);
    }
  });
}
