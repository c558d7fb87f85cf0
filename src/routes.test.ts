import { expect, test } from 'vitest';
import type { Provider } from './kernel/provider.ts';
import { createRoutes } from './routes.ts';

test('routes have the targets whose providers are there, prices by the token', () => {
  const provider = { name: 'here' } as Provider;
  const target = { model: 'm', weight: 2, priority: 1 };
  const price = { prompt: 3, completion: 15, cached_prompt: 0.3 };
  const model = (name: string, ...targets: object[]) => ({ name, policy: 'weighted', targets });
  const routes = createRoutes(
    [
      model('one', { provider: 'here', ...target, price, context: 8_000 }, { provider: 'gone', ...target }),
      model('none', { provider: 'gone', ...target }),
    ] as unknown as Parameters<typeof createRoutes>[0],
    new Map([['here', provider]]),
  );
  expect([...routes]).toEqual([
    [
      'one',
      {
        name: 'one',
        policy: 'weighted',
        targets: [
          {
            provider,
            ...target,
            context: 8_000,
            price: { prompt: 3 / 1e6, completion: 15 / 1e6, cachedPrompt: 0.3 / 1e6 },
          },
        ],
      },
    ],
    ['none', { name: 'none', policy: 'weighted', targets: [] }],
  ]);
});
