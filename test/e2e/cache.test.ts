import { createHash, randomBytes } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChatCompletionRequestSchema, ChatService } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import { createSimulatorServer, type SimulatorServer } from '../../src/simulator/server.ts';
import { type Asked, type CacheCaller, cacheCallers, type Got } from '../support/cache-callers.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { SealedCaller } from '../support/sealed-caller.ts';

// The response cache, through every entrance, before a simulator that counts what it is asked.

const keyOf = (user: string) => `llmb-cache-${user}`;
const users = ['alice', 'bob']
  .map(
    (user) =>
      `{ name: ${user}, user: ${user}, sha256: ${createHash('sha256').update(keyOf(user)).digest('hex')}${user === 'bob' ? ', models: [other]' : ''} }`,
  )
  .join(', ');
const as = (user: string) => ({ authorization: `Bearer ${keyOf(user)}` });

let simulator: SimulatorServer;
let gateway: TestGateway;
beforeEach(async () => {
  simulator = await createSimulatorServer();
});
afterEach(async () => {
  await gateway.stop();
  await simulator.close();
});

const models = (cache = '{ enabled: true }') => `models:
  - { name: kept, targets: [{ provider: up, model: "sim:tokens=30" }], cache: ${cache} }
  - { name: thinker, targets: [{ provider: up, model: "sim:tokens=12,reasoning=9" }], cache: ${cache} }
  - { name: caller, targets: [{ provider: up, model: "sim:call=all" }], cache: ${cache} }
  - { name: slow, targets: [{ provider: up, model: "sim:tokens=30,ttft=400ms,tps=100" }], cache: ${cache} }
  - { name: other, targets: [{ provider: up, model: "sim:tokens=30" }], cache: ${cache} }
  - { name: plain, targets: [{ provider: up, model: "sim:tokens=30" }] }
`;

async function open(more = '', cache?: string) {
  gateway = await startGateway(
    `providers: { up: { type: openai-compatible, base_url: "http://127.0.0.1:${simulator.port}/v1" } }\n${models(cache)}\n${more}`,
  );
}

const asked = () => simulator.requests().requests.length;
const named = (name: string): CacheCaller => {
  const found = cacheCallers.find((caller) => caller.name === name);
  if (found === undefined) throw new Error(`no caller ${name}`);
  return found;
};
const json = (asking: Asked) => named('JSON').ask(gateway.port, asking);
const saidBy = ({ content, reasoning, calls, finish, usage }: Got) => ({ content, reasoning, calls, finish, usage });
const metric = async (name: string): Promise<number> => {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')[1] ?? Number.NaN,
  );
};

describe('an answer', () => {
  test.each(cacheCallers)('that came by $name is given again by every entrance', async (first) => {
    await open();
    for (const asking of [{ model: 'kept' }, { model: 'thinker' }, { model: 'caller', tool: 'weather' }]) {
      const before = asked();
      const original = await first.ask(gateway.port, asking);
      expect(original).toMatchObject({ failure: '', cache: 'miss', hit: false, attempts: 1 });
      expect(original.headers['x-llmbridge-cache']).toBe('miss');
      if (asking.tool === undefined) expect(original.content).not.toBe('');
      else expect(original.calls).toMatchObject([{ name: 'weather' }]);
      if (asking.model === 'thinker') expect(original.reasoning).not.toBe('');
      for (const next of cacheCallers) {
        const again = await next.ask(gateway.port, asking);
        expect({ by: next.name, ...saidBy(again) }).toEqual({ by: next.name, ...saidBy(original) });
        expect(again).toMatchObject({ cache: 'hit', hit: true, attempts: 0, cost: 0 });
        expect(again.headers).toMatchObject({ 'x-llmbridge-cache': 'hit', 'x-llmbridge-provider': 'up' });
        expect(Number(again.headers['age'])).toBeLessThan(60);
        if (next.stream) expect(again.pieces).toBeGreaterThan(2);
      }
      expect(asked()).toBe(before + 1);
    }
  });

  test('is told of in the log and in metrics, and costs nothing', async () => {
    await open();
    for (let i = 0; i < 3; i++) await json({ model: 'kept' });
    await json({ model: 'kept', temperature: 1 });
    await json({ model: 'plain' });
    expect(await metric('llmbridge_cache_requests_total{result="hit"}')).toBe(2);
    expect(await metric('llmbridge_cache_requests_total{result="miss"}')).toBe(1);
    expect(await metric('llmbridge_cache_requests_total{result="bypass"}')).toBe(1);
    expect(await metric('llmbridge_cache_entries')).toBe(1);
    expect(await metric('llmbridge_cache_bytes')).toBeGreaterThan(300);
    const completion = 'llmbridge_tokens_total{provider="up",model="sim:tokens=30",type="completion"}';
    expect(await metric(completion)).toBe(simulator.requests().usage.completion_tokens);
    const lines = gateway.log.filter(({ msg }) => msg === 'call');
    expect(lines.map(({ cache, cache_hit }) => [cache, cache_hit])).toEqual([
      ['miss', undefined],
      ['hit', true],
      ['hit', true],
      ['bypass', undefined],
      [undefined, undefined],
    ]);
    expect(lines[1]).toMatchObject({ attempts: [], cost_usd: 0, completion_tokens: 30 });
  });

  test('is no other user’s, and nobody’s who may not ask for the model', async () => {
    await open(`security: { anonymous: true, api_keys: [${users}] }`);
    const serve = async (model: string, user?: string) => {
      const got = await json({ model, ...(user && { headers: as(user) }) });
      return got.failure || got.cache;
    };
    expect(await serve('other', 'alice')).toBe('miss');
    expect(await serve('other', 'bob')).toBe('miss');
    expect(await serve('other')).toBe('miss');
    expect(await serve('other', 'alice')).toBe('hit');
    expect(await serve('other', 'bob')).toBe('hit');
    expect(await serve('other')).toBe('hit');
    expect(await serve('kept', 'alice')).toBe('miss');
    expect(await serve('kept', 'bob')).toBe('MODEL_FORBIDDEN');
    expect(asked()).toBe(4);
  });

  test('counts as a call and as no tokens', async () => {
    await open('rate_limit: { ip: { requests: 3/h, tokens: 100000/h } }');
    const left: number[] = [];
    const tokens: number[] = [];
    for (let i = 0; i < 4; i++) {
      const { headers, failure } = await json({ model: 'kept' });
      if (i < 3) {
        left.push(Number(headers['x-ratelimit-remaining-requests']));
        tokens.push(Number(headers['x-ratelimit-remaining-tokens']));
      } else expect(failure).toBe('RATE_LIMIT_EXCEEDED');
    }
    expect(left).toEqual([2, 1, 0]);
    // Of each its own reservation is gone, and of those before what they used.
    expect(tokens[2]).toBe(tokens[1]);
    expect(tokens[0]).toBeGreaterThan(tokens[1] ?? 0);
    expect(asked()).toBe(1);
  });

  test('is kept for its time, within its bounds', async () => {
    await open('cache: { max_bytes: 4KiB, max_entry_bytes: 1KiB }', '{ enabled: true, ttl: 300ms }');
    for (let i = 0; i < 30; i++) await json({ model: 'kept', content: `question ${i}` });
    expect(await metric('llmbridge_cache_bytes')).toBeLessThanOrEqual(4096);
    expect(await metric('llmbridge_cache_evictions_total{reason="space"}')).toBeGreaterThan(20);
    await expect.poll(async () => (await json({ model: 'kept', content: 'question 29' })).cache).toBe('miss');
  });
});

describe('cache-control', () => {
  test.each(['JSON', 'grpc-js', 'Connect', 'gRPC-web, streamed'])('by %s', async (name) => {
    await open();
    const serve = async (control?: string) => {
      const headers = control === undefined ? {} : { 'cache-control': control };
      const got = await named(name).ask(gateway.port, { model: 'kept', headers });
      return got.failure || got.cache;
    };
    expect(await serve('only-if-cached')).toBe('NOT_CACHED');
    expect(await serve('no-store')).toBe('bypass');
    expect(await serve()).toBe('miss');
    expect(await serve('no-cache')).toBe('refresh');
    expect(await serve('only-if-cached')).toBe('hit');
    expect(await serve('max-age=3600')).toBe('hit');
    expect(await serve('no-store')).toBe('bypass');
    expect(asked()).toBe(4);
  });

  test('asks for the cache where a route serves only who asks, and the file may switch it on for all', async () => {
    await open('cache: { enabled: true, when: asked }', '{ when: asked }');
    const serve = async (model: string, control?: string) =>
      (await json({ model, headers: control === undefined ? {} : { 'cache-control': control } })).cache;
    expect(await serve('kept')).toBe('bypass');
    expect(await serve('kept', 'max-age=60')).toBe('miss');
    expect(await serve('kept')).toBe('bypass');
    expect(await serve('kept', 'max-age=60')).toBe('hit');
    expect(await serve('plain', 'max-age=60')).toBe('miss');
    expect(await serve('up/sim', 'max-age=60')).toBe('miss');
    expect(await serve('up/sim', 'max-age=60')).toBe('hit');
  });

  test('that asks for a kept answer alone is 504 over HTTP', async () => {
    await open();
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'cache-control': 'only-if-cached' },
      body: JSON.stringify({ model: 'kept', messages: [{ role: 'user', content: 'hi' }] }),
    });
    expect(response.status).toBe(504);
    expect(((await response.json()) as { error: { code: string } }).error.code).toBe('not_cached');
  });
});

describe('equal calls at once', () => {
  test('a hundred by all entrances are one call of the provider', async () => {
    await open();
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, i) => {
        const caller = cacheCallers[i % cacheCallers.length];
        return caller?.ask(gateway.port, { model: 'slow' });
      }),
    );
    const [first] = all;
    if (first === undefined) throw new Error('nobody asked');
    for (const got of all) expect(got && saidBy(got)).toEqual(saidBy(first));
    expect(asked()).toBe(1);
    expect(all.filter((got) => got?.attempts === 1)).toHaveLength(1);
    expect(all.filter((got) => got?.cache === 'shared' || got?.cache === 'hit').length).toBe(99);
  });

  test('each may go away without the others, and the last one takes the call along', async () => {
    await open();
    const leaving = new AbortController();
    const callers = cacheCallers.map((caller) => caller.ask(gateway.port, { model: 'slow', signal: leaving.signal }));
    await expect.poll(asked).toBe(1);
    const stays = named('SSE').ask(gateway.port, { model: 'slow' });
    const waits = named('grpc-js').ask(gateway.port, { model: 'slow' });
    await expect.poll(() => metric('llmbridge_cache_waits_total{where="process"}')).toBe(cacheCallers.length + 1);
    leaving.abort();
    await Promise.all(callers);
    const [streamed, whole] = await Promise.all([stays, waits]);
    expect([streamed.failure, whole.failure, streamed.content]).toEqual(['', '', whole.content]);
    expect(simulator.requests().requests.map(({ outcome }) => outcome)).toEqual(['whole']);

    const all = new AbortController();
    const gone = cacheCallers.map((caller) =>
      caller.ask(gateway.port, { model: 'slow', content: 'another', signal: all.signal }),
    );
    await expect.poll(asked).toBe(2);
    all.abort();
    await Promise.all(gone);
    await expect.poll(() => simulator.requests().requests[1]?.outcome).toBe('left');
    // Nothing of it was kept.
    expect((await json({ model: 'slow', content: 'another' })).cache).toBe('miss');
  });

  test('a fault is nobody’s next answer, and is asked for no more than twice', async () => {
    gateway = await startGateway(`
providers: { up: { type: openai-compatible, base_url: "http://127.0.0.1:${simulator.port}/v1" } }
balancer: { retry: { max: 0 } }
models:
  - { name: down, targets: [{ provider: up, model: "sim:fault=silent,stall_for=1s" }], cache: { enabled: true } }
  - { name: refuses, targets: [{ provider: up, model: "sim:fault=content" }], cache: { enabled: true } }
  - { name: filters, targets: [{ provider: up, model: "sim:finish=content_filter" }], cache: { enabled: true } }
  - { name: cuts, targets: [{ provider: up, model: "sim:tokens=20,cut=5" }], cache: { enabled: true } }
`);
    const down = await Promise.all(Array.from({ length: 20 }, () => json({ model: 'down' })));
    expect(new Set(down.map(({ failure }) => failure))).toEqual(new Set(['PROVIDER_UNAVAILABLE']));
    expect(asked()).toBe(2);
    const refused = await json({ model: 'refuses' });
    expect(refused.failure).toBe('CONTENT_POLICY_VIOLATION');
    const between = asked();
    await json({ model: 'refuses' });
    expect(asked()).toBe(between + 1);
    for (const model of ['filters', 'cuts']) {
      for (let i = 0; i < 2; i++) {
        const { cache, failure } = await named('SSE').ask(gateway.port, { model });
        expect(cache === 'hit' || (model === 'cuts' && failure === '')).toBe(false);
      }
    }
    expect(asked()).toBe(between + 5);
    expect(await metric('llmbridge_cache_entries')).toBe(0);
  });
});

test('a sealed call is not answered from the cache, nor kept there, nor told of it', async () => {
  const secret = randomBytes(32);
  const keys = `sealing: { keys: [{ id: k1, secret: "${secret.toString('base64')}" }] }`;
  await open(`security: { anonymous: true, ${keys} }`);
  const asking = { model: 'kept', messages: [{ role: Role.USER, content: 'hi' }] };
  const caller = new SealedCaller(secret, 'k1');
  const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
  const overJson = async (stream: boolean) => {
    const body = { model: 'kept', stream, messages: [{ role: 'user', content: 'hi' }] };
    const sealed = await caller.seal('/v1/chat/completions', Buffer.from(JSON.stringify(body)));
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        sealed: {
          version: sealed.version,
          key_id: sealed.keyId,
          issued_at: sealed.issuedAt,
          nonce: base64url(sealed.nonce),
          ciphertext: base64url(sealed.ciphertext),
        },
      }),
    });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('"sealed"');
    expect(response.headers.get('x-llmbridge-cache')).toBeNull();
  };
  const overGrpc = async () => {
    const plaintext = toBinary(ChatCompletionRequestSchema, create(ChatCompletionRequestSchema, asking));
    const sealed = await caller.seal('/llmbridge.v1.ChatService/ChatCompletion', plaintext);
    const client = createClient(ChatService, createGrpcTransport({ baseUrl: gateway.url }));
    const onHeader = (headers: Headers) => expect(headers.get('x-llmbridge-cache')).toBeNull();
    expect((await client.chatCompletion({ sealed: { ...sealed } }, { onHeader })).sealed).toBeDefined();
  };
  await overJson(false);
  expect((await json({ model: 'kept' })).cache).toBe('miss');
  await overJson(false);
  await overJson(true);
  await overGrpc();
  expect(asked()).toBe(5);
  expect(await metric('llmbridge_cache_answers_total{outcome="kept"}')).toBe(1);
  expect((await json({ model: 'kept' })).cache).toBe('hit');
});
