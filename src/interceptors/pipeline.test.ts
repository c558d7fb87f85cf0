import { expect, test } from 'vitest';
import { HealthService } from '../../gen/es/llmbridge/v1/health_service_pb.ts';
import type { Call } from '../kernel/call.ts';
import { type Interceptor, rpc } from '../kernel/method.ts';
import { intercept } from './pipeline.ts';

test('interceptors stand around each method, the first one outermost', async () => {
  const road: string[] = [];
  const mark =
    (name: string): Interceptor =>
    (next) =>
    async (call, request, reply) => {
      road.push(`>${name}`);
      await next(call, request, reply);
      road.push(`<${name}`);
    };
  const desc = HealthService.method.checkHealth;
  const [composed] = intercept([rpc(desc, async () => void road.push('method'))], [mark('a'), mark('b')]);
  expect(composed?.desc).toBe(desc);
  await composed?.handle({} as Call, { $typeName: 'x' }, { message: () => true, onDrain: () => {} });
  expect(road).toEqual(['>a', '>b', 'method', '<b', '<a']);
});
