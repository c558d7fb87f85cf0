/**
 * What limits cost: CPU microseconds of a call that does nothing else, without limits, with all three tiers and measures in
 * memory, and with the same in Redis, one server and a cluster of six, in turn and with 64 calls in flight; and what a
 * subject takes of memory in each store.
 *
 *   node --expose-gc bench/limits.ts
 */

import { create } from '@bufbuild/protobuf';
import type { Redis } from 'ioredis';
import { parse } from 'yaml';
import { ChatCompletionRequestSchema } from '../gen/es/llmbridge/v1/chat_service_pb.ts';
import { createAdmit } from '../src/interceptors/admit.ts';
import { Call } from '../src/kernel/call.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { noLimitEvents } from '../src/kernel/limit-events.ts';
import { newUsage } from '../src/kernel/messages.ts';
import type { Method } from '../src/kernel/method.ts';
import type { Limits, RateLimiter } from '../src/kernel/rate-limiter.ts';
import { GuardedRateLimiter } from '../src/stores/guarded-rate-limiter.ts';
import { MemoryRateLimiter } from '../src/stores/memory/rate-limiter.ts';
import { connectRedis } from '../src/stores/redis/connection.ts';
import type { RedisPlace } from '../src/stores/redis/place.ts';
import { RedisRateLimiter } from '../src/stores/redis/rate-limiter.ts';
import { type RedisTopology, startCluster, startStandalone } from '../src/stores/testing/redis-topologies.ts';

const WARM_UP = 2;
const ROUNDS = 9;
const CALLS = 20_000;
const IN_FLIGHT = 64;
const SUBJECTS = 50_000;

const minute = (count: number) => ({ count, windowMs: 60_000 });
const limits: Limits = { requests: minute(1e9), tokens: minute(1e12), concurrent: 1_000 };
const request = create(ChatCompletionRequestSchema, {
  model: 'fast',
  maxTokens: 100,
  messages: [{ role: 2, content: 'A short question, as most are.' }],
});
const serve: Method<unknown, unknown> = async (call) => {
  call.usage = newUsage(12, 7);
};
const reply = { message: () => true, onDrain() {} };

const limited = (limiter: RateLimiter): Method<unknown, unknown> =>
  createAdmit({
    limits: { global: limits, user: limits, users: new Map(), ip: limits, models: new Map(), userModels: new Map() },
    limiter,
    assumedCompletion: 1_024,
    askedModel: () => undefined,
    events: noLimitEvents,
  })(serve);

function callOf(user: string): Call {
  const call = new Call({
    id: 'id',
    method: '/llmbridge.v1.ChatService/ChatCompletion',
    protocol: 'http',
    headers: {},
    address: '127.0.0.1',
    trace: { traceId: '', spanId: '', parentId: '', flags: '00', state: '' },
    startedAt: systemClock.now(),
  });
  call.principal = { user, method: 'api-key', credential: '' };
  return call;
}

/** Microseconds of this process for each call. */
async function costOf(method: Method<unknown, unknown>): Promise<number> {
  let left = CALLS;
  const before = process.cpuUsage();
  const caller = async () => {
    while (left-- > 0) await method(callOf(`user-${left % 100}`), request, reply);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / CALLS;
}

const number = (info: string, name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1]);
const serverCpu = async (redis: Redis) => {
  const info = await redis.info('cpu');
  return (number(info, 'used_cpu_sys') + number(info, 'used_cpu_user')) * 1e6;
};

/** Limits in the Redis of a topology, and the server that they are in. */
async function openStore({ yaml }: RedisTopology) {
  const ready = Promise.withResolvers<void>();
  const redis = connectRedis({
    ...(parse(yaml) as RedisPlace),
    key: 'bench:{limits}',
    failed: ready.reject,
    ready: () => ready.resolve(),
  });
  await ready.promise;
  const limiter = new RedisRateLimiter({
    redis,
    prefix: 'bench:',
    leaseMs: 30_000,
    epochGuardMs: 0,
    clock: systemClock,
  });
  const guarded = new GuardedRateLimiter({
    store: limiter,
    local: new MemoryRateLimiter(systemClock),
    timeoutMs: 5_000,
    onOutage: { global: 'local', user: 'local', ip: 'local', model: 'local', user_model: 'local' },
    onClaimOutage: 'closed',
    instances: 1,
    clock: systemClock,
    events: noLimitEvents,
  });
  return { redis, limiter, guarded };
}

const topologies = [await startStandalone(), await startCluster()] as const;
const [alone, clustered] = [await openStore(topologies[0]), await openStore(topologies[1])];

interface Way {
  readonly name: string;
  readonly method: Method<unknown, unknown>;
  readonly redis?: Redis;
  readonly times: number[];
  readonly serverTimes: number[];
}
const way = (name: string, method: Method<unknown, unknown>, redis?: Redis): Way => ({
  name,
  method,
  ...(redis && { redis }),
  times: [],
  serverTimes: [],
});
const ways = [
  way('off', serve),
  way('memory', limited(new MemoryRateLimiter(systemClock))),
  way('Redis', limited(alone.guarded), alone.redis),
  way('a cluster', limited(clustered.guarded), clustered.redis),
];
for (let round = -WARM_UP; round < ROUNDS; round++) {
  for (const { method, redis, times, serverTimes } of round % 2 === 0 ? ways : ways.toReversed()) {
    const before = redis ? await serverCpu(redis) : 0;
    const cost = await costOf(method);
    if (round < 0) continue;
    times.push(cost);
    if (redis) serverTimes.push(((await serverCpu(redis)) - before) / CALLS);
  }
}
const median = (times: readonly number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
for (const { name, redis, times, serverTimes } of ways) {
  const own = redis ? `, and ${median(serverTimes).toFixed(2)} µs of the server` : '';
  console.log(`${name}: ${median(times).toFixed(2)} µs a call${own}`);
}

const oneCall = { requests: minute(1e9), tokens: minute(1e12), concurrent: 1_000 };
const subject = (i: number) => ({ tier: 'user' as const, name: `user-${i}`, limits: oneCall });
globalThis.gc?.();
const heap = process.memoryUsage().heapUsed;
const memory = new MemoryRateLimiter({ now: () => 0 });
for (let i = 0; i < SUBJECTS; i++) {
  const { lease = 0 } = memory.take({ subjects: [subject(i)], tokens: 10, cost: 0 });
  memory.settle(lease, 10, 0);
}
globalThis.gc?.();
console.log(`memory: ${Math.round((process.memoryUsage().heapUsed - heap) / memory.size)} bytes a user in one slot`);
const { redis, limiter: inRedis } = alone;
await redis.flushall();
const empty = number(await redis.info('memory'), 'used_memory');
for (let i = 0; i < SUBJECTS; i += 100) {
  const decisions = Array.from({ length: 100 }, (_, k) =>
    inRedis.take({ subjects: [subject(i + k)], tokens: 10, cost: 0 }),
  );
  for (const { lease = 0 } of await Promise.all(decisions)) inRedis.settle(lease, 10, 0);
}
await redis.ping();
const full = number(await redis.info('memory'), 'used_memory');
console.log(`Redis: ${Math.round((full - empty) / (await redis.dbsize()))} bytes a user in one slot`);
for (const { limiter, redis } of [alone, clustered]) {
  limiter.close();
  redis.disconnect();
}
for (const topology of topologies) await topology.stop();
