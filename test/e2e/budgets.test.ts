import { afterEach, describe, expect, test } from 'vitest';
import { type Ask, type LimitsBench, openLimitsBench, overGrpc, overJson, usersYaml } from '../support/limits-bench.ts';

// Limits in money and limits of models, at the port.

let bench: LimitsBench;
afterEach(() => bench.stop());

/** A dollar for a million tokens read, ten for those written: a token of an answer is 10 micro-dollars. */
const routes = `
models:
  - name: fast
    targets: [{ provider: up, model: "sim:tokens=20", price: { prompt: 1, completion: 10 } }]
  - name: dear
    targets:
      - { provider: up, model: "sim:tokens=20", price: { prompt: 1, completion: 10 } }
      - { provider: up, model: "sim:tokens=21", priority: 2, price: { prompt: 1, completion: 1000 } }
  - name: free
    targets: [{ provider: up, model: "sim:tokens=20,ttft=0" }]
  - name: kept
    cache: { enabled: true }
    targets: [{ provider: up, model: "sim:tokens=20", price: { prompt: 1, completion: 10 } }]
  - name: falling
    timeouts: { first_token: 150ms, whole: 150ms }
    targets:
      - { provider: up, model: "sim:fault=silent", price: { prompt: 1, completion: 10 } }
      - { provider: up, model: "sim:tokens=22", priority: 2, price: { prompt: 1, completion: 10 } }
`;
const open = async (limits: string) => {
  bench = await openLimitsBench(`${routes}\nrate_limit: ${limits}\n${usersYaml('alice', 'bob')}`);
  return bench.gateway;
};

const leftOf = (headers: Readonly<Record<string, string>>, name: string) =>
  Number(new RegExp(`"${name}";r=(\\d+)`).exec(headers['ratelimit'] ?? '')?.[1]);

const surfaces: readonly (readonly [string, Ask, number])[] = [
  ['JSON', overJson, 429],
  ['gRPC', overGrpc, 8],
];

describe.each(surfaces)('over %s', (_name, ask, refusedStatus) => {
  test('a budget is reserved by the estimate, and set right by the cost', async () => {
    const gateway = await open('{ user: { budget: 0.01usd/d } }');
    const asked = { user: 'alice', model: 'fast', maxTokens: 900 };
    const before = bench.simulator.requests().usage;
    const first = await ask(gateway, asked);
    expect(first.headers['ratelimit-policy']).toBe('"user-budget";q=10000;w=86400;qu="micro-usd"');
    const reservation = 10_000 - leftOf(first.headers, 'user-budget');
    // 900 tokens at 10 micro-dollars, and the prompt.
    expect(reservation).toBeGreaterThan(9_000);
    expect(reservation).toBeLessThan(9_050);
    const second = await ask(gateway, asked);
    expect(second.ok).toBe(true);
    const { prompt_tokens, completion_tokens } = bench.simulator.requests().usage;
    const cost = (prompt_tokens - before.prompt_tokens) / 2 + ((completion_tokens - before.completion_tokens) / 2) * 10;
    expect(10_000 - reservation - leftOf(second.headers, 'user-budget')).toBe(Math.ceil(cost));
    for (let i = 0; i < 6 && (await ask(gateway, asked)).ok; i++);
    const refused = await ask(gateway, asked);
    expect(refused).toMatchObject({ ok: false, status: refusedStatus });
    expect(refused.message).toMatch(/^over the limit: user:alice may have 0\.01 usd a day; try again in [\d.]+ s$/);
    if (refusedStatus === 8) expect(refused.quota).toEqual(['user:alice budget: 0.01 usd a day']);
    expect(refused.retryMs).toBeGreaterThan(80_000_000);
    // Another has a budget of their own, and what costs less still fits.
    expect((await ask(gateway, { ...asked, user: 'bob' })).ok).toBe(true);
    expect((await ask(gateway, { ...asked, maxTokens: 20 })).ok).toBe(true);
  });

  test('what may cost too much is refused for good, and told what it may cost', async () => {
    const gateway = await open('{ user: { budget: 0.01usd/d } }');
    const told = await ask(gateway, { user: 'alice', model: 'dear', maxTokens: 900 });
    expect(told).toMatchObject({ ok: false, retryMs: undefined });
    expect(told.message).toMatch(/may have 0\.01 usd a day, and this call may cost 0\.9000\d+ usd; a lower max_tokens/);
    // On a guess of ours nobody is refused for good.
    expect((await ask(gateway, { user: 'alice', model: 'dear' })).ok).toBe(true);
  });

  test('calls without a price count nothing, which is told', async () => {
    const gateway = await open('{ user: { budget: 0.01usd/d } }');
    for (let i = 0; i < 3; i++) {
      const { headers } = await ask(gateway, { user: 'alice', model: 'free', maxTokens: 9_000 });
      expect(leftOf(headers, 'user-budget')).toBe(10_000);
    }
    expect(gateway.log.filter(({ event }) => event === 'price_unknown')).toMatchObject([
      { provider: 'up', model: 'sim:tokens=20,ttft=0' },
    ]);
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(text).toContain('llmbridge_budget_unpriced_total 3');
  });

  test('a call that fell over to another target costs what both did', async () => {
    const gateway = await open('{ user: { budget: 1usd/d } }');
    const probe = async () => {
      const { headers } = await ask(gateway, { user: 'alice', model: 'fast', maxTokens: 1 });
      return 1e6 - leftOf(headers, 'user-budget');
    };
    const own = await probe();
    const told = await ask(gateway, { user: 'alice', model: 'falling', maxTokens: 100 });
    expect(told.ok).toBe(true);
    const spent = gateway.log
      .filter(({ msg }) => msg === 'call')
      .reduce((sum, line) => sum + ((line as { cost_usd?: number }).cost_usd ?? 0), 0);
    expect(spent).toBeGreaterThan(0);
    expect(Math.abs((await probe()) - own - spent * 1e6)).toBeLessThanOrEqual(1);
  });

  test('an answer from the cache counts as a request, and costs nothing', async () => {
    const gateway = await open('{ user: { requests: 100/h, tokens: 100000/h, budget: 1usd/d } }');
    const asked = { user: 'alice', model: 'kept', maxTokens: 500 };
    const state = async () => {
      const { headers } = await ask(gateway, { ...asked, model: 'fast', maxTokens: 1 });
      return ['requests', 'tokens', 'budget'].map((name) => leftOf(headers, `user-${name}`));
    };
    await ask(gateway, asked);
    const before = await state();
    const between = await state();
    for (let i = 0; i < 5; i++) expect((await ask(gateway, asked)).headers['x-llmbridge-cache']).toBe('hit');
    const after = await state();
    const own = before.map((left, i) => left - (between[i] ?? 0));
    expect(between.map((left, i) => left - (after[i] ?? 0) - (own[i] ?? 0))).toEqual([5, 0, 0]);
  });

  test('a model is limited over all callers, by whatever name it is asked for', async () => {
    const gateway = await open(
      '{ models: { fast: { requests: 3/h }, "up/sim": { requests: 2/h } }, user: { requests: 100/h } }',
    );
    const from = async (user: string, model: string) => (await ask(gateway, { user, model })).ok;
    expect(await Promise.all(['alice', 'bob', 'alice', 'bob'].map((user) => from(user, 'fast')))).toHaveLength(4);
    const refused = await ask(gateway, { user: 'alice', model: 'fast' });
    expect(refused.message).toMatch(/^over the limit: model:fast may have 3 requests an hour/);
    expect(refused.headers['ratelimit-policy']).toContain('"model-requests";q=3;w=3600');
    expect(await from('alice', 'up/sim')).toBe(true);
    const { headers } = await ask(gateway, { user: 'bob', model: 'up/sim' });
    // What others used of a model is nobody's business while there is room.
    expect(headers['ratelimit-policy']).toBe('"user-requests";q=100;w=3600');
    expect(await from('bob', 'up/sim')).toBe(false);
    expect(await from('bob', 'dear')).toBe(true);
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(text).toMatch(/llmbridge_rate_limited_total\{tier="model",measure="requests"\} 3/);
  });

  test("one user's calls of one model, beside all that is theirs", async () => {
    const gateway = await open('{ user: { overrides: { alice: { models: { fast: { requests: 1/h } } } } } }');
    const from = (user: string, model: string) => ask(gateway, { user, model });
    expect((await from('alice', 'fast')).headers['x-ratelimit-remaining-requests']).toBe('0');
    const refused = await from('alice', 'fast');
    expect(refused.message).toMatch(/^over the limit: user_model:alice\/fast may have 1 requests an hour/);
    if (refusedStatus === 8) expect(refused.quota).toEqual(['user_model:alice/fast requests: 1 requests an hour']);
    expect([(await from('alice', 'dear')).ok, (await from('bob', 'fast')).ok]).toEqual([true, true]);
  });
});
