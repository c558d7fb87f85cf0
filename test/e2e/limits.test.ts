import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { afterEach, describe, expect, test } from 'vitest';
import { ChatService } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import {
  type Ask,
  bearerOf,
  type LimitsBench,
  openLimitsBench,
  overGrpc,
  overJson,
  usersYaml,
} from '../support/limits-bench.ts';

// Limits at the port: who is let in, what callers are told, and that what is counted is what was used.

let bench: LimitsBench;
afterEach(() => bench.stop());

const open = async (limits: string, users: readonly string[] = ['alice', 'bob']) => {
  bench = await openLimitsBench(`rate_limit: ${limits}\n${usersYaml(...users)}`);
  return bench.gateway;
};

const surfaces: readonly (readonly [string, Ask, number])[] = [
  ['JSON', overJson, 429],
  ['gRPC', overGrpc, 8],
];

const used = (headers: Readonly<Record<string, string>>, measure: 'requests' | 'tokens') =>
  Number(headers[`x-ratelimit-limit-${measure}`]) - Number(headers[`x-ratelimit-remaining-${measure}`]);

test('a provider that counts nothing is not believed', async () => {
  const answer = {
    id: 'x',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'a'.repeat(400) }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
  };
  const provider = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  }).listen(0, '127.0.0.1');
  await once(provider, 'listening');
  const { port } = provider.address() as AddressInfo;
  try {
    bench = await openLimitsBench(
      `rate_limit: { user: { tokens: 1000/h } }
models: [{ name: free, targets: [{ provider: nothing, model: m }] }]
${usersYaml('alice')}`,
      1,
      `nothing: { type: openai-compatible, base_url: "http://127.0.0.1:${port}/v1" }`,
    );
    const asked = { user: 'alice', model: 'free', maxTokens: 10 };
    const first = used((await overJson(bench.gateway, asked)).headers, 'tokens');
    const second = used((await overJson(bench.gateway, asked)).headers, 'tokens');
    expect(second - first).toBeGreaterThanOrEqual(100);
  } finally {
    provider.close();
  }
});

describe.each(surfaces)('over %s', (_name, ask, refusedStatus) => {
  test('of 200 callers at once, exactly as many come in as the limit lets', async () => {
    const gateway = await open('{ global: { requests: 120/h }, user: { requests: 50/h } }');
    const told = await Promise.all(
      Array.from({ length: 200 }, (_, i) => ask(gateway, { user: i % 2 === 0 ? 'alice' : 'bob' })),
    );
    expect(told.filter(({ ok }) => ok)).toHaveLength(100);
    expect(new Set(told.filter(({ ok }) => !ok).map(({ status, reason }) => `${status} ${reason}`))).toEqual(
      new Set([`${refusedStatus} rate_limit_exceeded`.replace('8 rate_limit_exceeded', '8 rate_limited')]),
    );
    expect(bench.simulator.requests().requests).toHaveLength(100);
    // The refused ones took nothing from all together: twenty are left, for anybody.
    const anonymous = await Promise.all(Array.from({ length: 40 }, () => ask(gateway)));
    expect(anonymous.filter(({ ok }) => ok)).toHaveLength(20);
  });

  test('reserved tokens never exceed the limit', async () => {
    const gateway = await open('{ user: { tokens: 1000/h } }');
    const asked = { user: 'alice', maxTokens: 80, model: 'up/sim:ttft=300ms,tokens=80' };
    const told = await Promise.all(Array.from({ length: 200 }, () => ask(gateway, asked)));
    const reservation = used(told.find(({ ok }) => ok)?.headers ?? {}, 'tokens');
    expect(reservation).toBeGreaterThan(80);
    expect(told.filter(({ ok }) => ok)).toHaveLength(Math.floor(1000 / reservation));
  });

  test('places are taken, and given back however a call ends', async () => {
    const gateway = await open('{ user: { concurrent: 5 } }');
    const ends = ['sim:ttft=400ms', 'sim:ttft=400ms,fault=500', 'sim:ttft=400ms,cut=3', 'nothing'];
    for (const model of ends) {
      const told = await Promise.all(
        Array.from({ length: 40 }, () => ask(gateway, { user: 'alice', model: `up/${model}` })),
      );
      const refused = told.filter(({ reason }) => /rate_limit/.test(reason));
      if (model.includes('ttft')) expect(refused).toHaveLength(35);
    }
    for (let i = 0; i < 12; i++)
      await ask(gateway, { user: 'alice', stream: true, leave: true, model: 'up/sim:tps=40,tokens=400' });
    await expect.poll(async () => (await ask(gateway, { user: 'alice' })).ok).toBe(true);
    await expect
      .poll(async () => {
        const told = await Promise.all(
          Array.from({ length: 5 }, () => ask(gateway, { user: 'alice', model: 'up/sim:ttft=100ms' })),
        );
        return told.every(({ ok }) => ok);
      })
      .toBe(true);
  });

  test('a refusal names the limit and the true wait', async () => {
    const gateway = await open('{ user: { requests: 3/s, tokens: 100000/m }, ip: { requests: 1000/m } }');
    const told = [];
    for (let i = 0; i < 4; i++) told.push(await ask(gateway, { user: 'alice' }));
    const refused = told.find(({ ok }) => !ok);
    if (refused === undefined) throw new Error('four came in');
    expect(refused.message).toMatch(/^over the limit: user:alice may have 3 requests a second; try again in [\d.]+ s$/);
    expect(refused.retryMs).toBeGreaterThan(0);
    expect(refused.retryMs).toBeLessThanOrEqual(1017);
    if (refusedStatus === 8) expect(refused.quota).toEqual(['user:alice requests: 3 requests a second']);
    else {
      expect(refused.headers['retry-after']).toMatch(/^[12]$/);
      expect(refused.headers['x-ratelimit-remaining-requests']).toBe('0');
      expect(refused.headers['x-should-retry']).toBe('true');
    }
    await new Promise((resolve) => setTimeout(resolve, refused.retryMs));
    expect((await ask(gateway, { user: 'alice' })).ok).toBe(true);
  });

  test('an answer tells where its caller stands', async () => {
    const gateway = await open(
      '{ user: { requests: 60/m, tokens: 5000/m }, global: { requests: 9/s }, ip: { requests: 100/h } }',
    );
    await ask(gateway, { user: 'alice' });
    const { headers } = await ask(gateway, { user: 'alice', maxTokens: 10, stream: true });
    expect(headers).toMatchObject({
      'x-ratelimit-limit-requests': '60',
      'x-ratelimit-remaining-requests': '58',
      'x-ratelimit-reset-requests': '1m1s',
      'x-ratelimit-limit-tokens': '5000',
      'ratelimit-policy':
        '"user-requests";q=60;w=60, "user-tokens";q=5000;w=60;qu="tokens", "ip-requests";q=100;w=3600',
      ratelimit: expect.stringMatching(
        /^"user-requests";r=58;t=6[01], "ip-requests";r=98;t=36\d\d, "user-tokens";r=\d{4};t=6[01]$/,
      ),
    });
  });

  test('a call that can never fit is told so, and not to come again', async () => {
    const gateway = await open('{ user: { tokens: 500/m } }');
    const told = await ask(gateway, { user: 'alice', maxTokens: 600 });
    expect(told).toMatchObject({ ok: false, status: refusedStatus, retryMs: undefined });
    expect(told.message).toMatch(/may have 500 tokens a minute, and this call may use 6\d\d; a lower max_tokens/);
    if (refusedStatus === 429) expect(told.headers['x-should-retry']).toBe('false');
    // Where the caller sets no bound, ours is a guess, and no call is refused for good on a guess.
    expect((await ask(gateway, { user: 'alice' })).ok).toBe(true);
  });

  test('what is counted is what was used', async () => {
    const gateway = await open('{ user: { tokens: 100000/h } }', ['alice']);
    const probe = { user: 'alice', maxTokens: 50 };
    const reservation = used((await ask(gateway, probe)).headers, 'tokens');
    const models = ['sim:tokens=7', 'sim:tokens=33', 'sim:tokens=200', 'sim:fault=400'];
    await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        ask(gateway, {
          user: 'alice',
          stream: i % 2 === 0,
          model: `up/${models[i % 4]}`,
          ...(i % 3 === 0 && { maxTokens: 20 }),
        }),
      ),
    );
    const ledger = bench.simulator.requests().usage.total_tokens;
    expect(ledger).toBeGreaterThan(0);
    const after = used((await ask(gateway, probe)).headers, 'tokens');
    expect(after - reservation).toBe(ledger);

    // A stream that its caller left counts for what is known of it: its prompt, and what had come until then.
    const whole = bench.simulator.requests().usage.total_tokens;
    const from = bench.simulator.requests().requests.length;
    const leaving = { user: 'alice', stream: true, leave: true, maxTokens: 400, model: 'up/sim:tps=100,tokens=400' };
    for (let i = 0; i < 5; i++) await ask(gateway, leaving);
    const left = () => bench.simulator.requests().requests.slice(from);
    await expect.poll(() => left().every(({ outcome }) => outcome === 'left')).toBe(true);
    const sent = left().reduce((sum, { prompt_tokens, chunks }) => sum + prompt_tokens + chunks, 0);
    const counted = used((await ask(gateway, probe)).headers, 'tokens') - reservation - whole;
    expect(counted).toBeGreaterThan(5 * 10);
    expect(counted).toBeLessThan(2 * sent);
  });

  test('numbers of any size are told as headers have them', async () => {
    const gateway = await open('{ user: { requests: 9007199254740991/d, tokens: 0/h } }');
    const { ok, headers, message, retryMs } = await ask(gateway, { user: 'alice' });
    expect({ ok, retryMs }).toEqual({ ok: false, retryMs: undefined });
    expect(message).toContain('user:alice may have 0 tokens an hour');
    expect(headers['ratelimit-policy']).toContain(
      '"user-requests";q=999999999999999;w=86400, "user-tokens";q=0;w=3600',
    );
    expect(headers['ratelimit']).toContain('"user-requests";r=999999999999999;t=0');
  });

  test('a user has its own limits where the file says so', async () => {
    const gateway = await open(
      '{ user: { requests: 6/h, concurrent: 9, overrides: { bob: { requests: 2/h }, carol: { requests: 0/h } } } }',
      ['alice', 'bob', 'carol'],
    );
    const admitted = async (user: string) =>
      (await Promise.all(Array.from({ length: 8 }, () => ask(gateway, { user })))).filter(({ ok }) => ok).length;
    expect([await admitted('alice'), await admitted('bob'), await admitted('carol')]).toEqual([6, 2, 0]);
  });
});

test('the limits of an address hold on every entrance together', async () => {
  const gateway = await open('{ ip: { requests: 30/h, tokens: 9000000/h } }');
  const told = await Promise.all(Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? overJson : overGrpc)(gateway)));
  expect(told.filter(({ ok }) => ok)).toHaveLength(30);
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(text).toContain('llmbridge_rate_limited_total{tier="ip",measure="requests"} 30');
  expect(text).toMatch(/llmbridge_prompt_estimate_ratio_count 30\n/);
});

test.each([
  ['Connect', false],
  ['gRPC-web', true],
])('over %s callers are told the same', async (_name, web) => {
  const gateway = await open('{ user: { requests: 1/h, budget: 5usd/d } }', ['alice']);
  const options = { baseUrl: gateway.url, httpVersion: '1.1' as const };
  const client = createClient(ChatService, web ? createGrpcWebTransport(options) : createConnectTransport(options));
  const told: Headers[] = [];
  const ask = () =>
    client.chatCompletion(
      { model: 'up/sim', messages: [{ role: 3, content: 'Hello' }] },
      { headers: { authorization: bearerOf('alice') }, onHeader: (headers) => void told.push(headers) },
    );
  await ask();
  expect(told[0]?.get('x-ratelimit-remaining-requests')).toBe('0');
  expect(told[0]?.get('ratelimit-policy')).toBe(
    '"user-requests";q=1;w=3600, "user-budget";q=5000000;w=86400;qu="micro-usd"',
  );
  expect(told[0]?.get('ratelimit')).toMatch(/^"user-requests";r=0;t=36\d\d, "user-budget";r=5000000;t=0$/);
  const refused = await ask().then(
    () => undefined,
    (thrown: unknown) => ConnectError.from(thrown),
  );
  expect(refused?.code).toBe(8);
  expect(refused?.metadata.get('ratelimit')).toContain('"user-requests";r=0');
  expect(refused?.details.map((detail) => ('type' in detail ? detail.type : detail.desc.typeName))).toEqual(
    expect.arrayContaining(['google.rpc.QuotaFailure', 'google.rpc.RetryInfo', 'google.rpc.ErrorInfo']),
  );
});
