import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failoverProfiles } from '../../src/simulator/failover-models.ts';
import { createSimulatorServer, type SimulatorServer } from '../../src/simulator/server.ts';
import { dialectCallers } from '../support/dialect-callers.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { simulatedDialects } from '../support/simulated-dialects.ts';

// What one dialect began, another one finishes: each dialect fails once for its neighbour.

const pairs = simulatedDialects.map((first, at) => ({
  first,
  second: simulatedDialects[(at + 1) % simulatedDialects.length] ?? first,
}));

let simulator: SimulatorServer;
let gateway: TestGateway;

const routeOf = (name: string, first: string, second: string, recovery: string) =>
  `  - { name: ${name}, recovery: { mode: ${recovery} }, targets: [${first}, ${second}] }`;

beforeAll(async () => {
  simulator = await createSimulatorServer({ failover: { ...failoverProfiles.fast, token: 1 } });
  const providers = simulatedDialects.map(({ name, type, basePath, options }) => {
    const base_url = `http://127.0.0.1:${simulator.port}${basePath}`;
    return `  ${name}: ${JSON.stringify({ type: type.type, base_url, api_keys: ['k'], prefill: true, ...options })}`;
  });
  const routes = pairs.flatMap(({ first, second }) => {
    const failing = (model: string) => `{ provider: ${first.name}, model: ${model} }`;
    const healthy = `{ provider: ${second.name}, model: fb-ok, priority: 2 }`;
    return [
      routeOf(`${first.name}-down`, failing('fb-s04-503-persistent'), healthy, 'off'),
      routeOf(`${first.name}-cut`, failing('fb-s08-stream-cut'), healthy, 'restart'),
      routeOf(`${first.name}-resumed`, failing('fb-s14-stream-cut'), healthy, 'continue'),
    ];
  });
  gateway = await startGateway(`
providers:
${providers.join('\n')}
balancer: { retry: { backoff: 1ms, max_backoff: 2ms } }
models:
${routes.join('\n')}
`);
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
});

describe.each(pairs)('from $first.name to $second.name', ({ first }) => {
  const whole = async (model: string) => {
    const answers = await Promise.all(
      dialectCallers.map(({ ask }) => ask(gateway.port, true, { model, content: 'In sixty words, please.' })),
    );
    for (const [answer] of answers) {
      expect(answer?.finish).toBe('stop');
      expect(answer?.text).toMatch(/^A gateway that fails over well .* instead of falling silent\.$/);
      expect(answer?.text.split(' ')).toHaveLength(60);
    }
  };

  test('a provider that is down', () => whole(`${first.name}-down`));
  test('a stream that is cut, told again by another', () => whole(`${first.name}-cut`));
  test('a stream that is cut, continued by another', async () => {
    simulator.reset();
    await whole(`${first.name}-resumed`);
    const continued = simulator.requests().requests.filter(({ model }) => model === 'fb-ok');
    expect(continued.map((request) => request.last_role)).toEqual(['assistant', 'assistant']);
  });
});
