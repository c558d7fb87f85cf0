import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import {
  type CheckHealthResponse,
  HealthComponentSchema,
  HealthStatus,
} from '../../gen/es/llmbridge/v1/health_service_pb.ts';
import type { Call } from '../kernel/call.ts';
import type { Method } from '../kernel/method.ts';
import type { Provider } from '../kernel/provider.ts';
import { Readiness } from '../kernel/readiness.ts';
import { createHealthRpc, providerProbe } from './health.ts';

const provider = (name: string, simulated: boolean, disabled?: string): Provider =>
  ({ name, disabled, type: { simulated } }) as unknown as Provider;

function health() {
  let now = 5000;
  const readiness = new Readiness([]);
  const redis = create(HealthComponentSchema, { name: 'redis', status: HealthStatus.SERVING });
  const rpc = createHealthRpc({
    readiness,
    version: '1.2.3',
    clock: { now: () => now, wall: () => 0, after: () => () => {} },
    components: [
      providerProbe([provider('alpha', false), provider('toy', true), provider('locked', false, 'set LOCKED_KEY')]),
      () => [redis],
    ],
  });
  const check = async (probe: string): Promise<CheckHealthResponse | undefined> => {
    let answer: CheckHealthResponse | undefined;
    await (rpc.handle as unknown as Method<object, CheckHealthResponse>)(
      {} as Call,
      { probe },
      {
        message(message) {
          answer = message;
          return true;
        },
        onDrain: () => {},
      },
    );
    return answer;
  };
  const pass = (ms: number) => {
    now += ms;
  };
  return { readiness, redis, check, pass };
}

test('it is live from the start, and ready while readiness says so', async () => {
  const { readiness, check, pass } = health();
  pass(2900);
  expect(await check('live')).toMatchObject({
    status: HealthStatus.SERVING,
    version: '1.2.3',
    uptimeSeconds: 2,
    components: [],
  });
  for (const probe of ['', 'ready']) expect(await check(probe)).toMatchObject({ status: HealthStatus.NOT_SERVING });
  readiness.set(true);
  for (const probe of ['', 'ready']) expect(await check(probe)).toMatchObject({ status: HealthStatus.SERVING });
  readiness.set(false);
  expect(await check('ready')).toMatchObject({ status: HealthStatus.NOT_SERVING });
  expect(await check('live')).toMatchObject({ status: HealthStatus.SERVING });
});

test('it tells how the parts fare; a disabled provider harms nothing, a part that fails degrades', async () => {
  const { readiness, redis, check } = health();
  readiness.set(true);
  expect(await check('')).toMatchObject({
    status: HealthStatus.SERVING,
    components: [
      { name: 'provider/alpha', status: HealthStatus.SERVING, message: '' },
      { name: 'provider/toy', status: HealthStatus.SERVING, message: expect.stringContaining('simulated') },
      { name: 'provider/locked', status: HealthStatus.DISABLED, message: 'set LOCKED_KEY' },
      { name: 'redis', status: HealthStatus.SERVING },
    ],
  });
  redis.status = HealthStatus.NOT_SERVING;
  expect(await check('ready')).toMatchObject({ status: HealthStatus.DEGRADED });
});

test('a probe that is not there is NOT_FOUND, and named', async () => {
  await expect(health().check('startup')).rejects.toMatchObject({
    reason: 'NOT_FOUND',
    message: expect.stringContaining('"startup"'),
  });
});
