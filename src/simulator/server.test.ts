import { once } from 'node:events';
import net from 'node:net';
import OpenAI from 'openai';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { failoverProfiles } from './failover-models.ts';
import { createSimulatorServer, type SimulatorServer } from './server.ts';
import { contentOf, eventsOf, user } from './testing/ask.ts';

let server: SimulatorServer;
beforeEach(async () => {
  server = await createSimulatorServer({ failover: { ...failoverProfiles.fast, token: 1, slow: 30, stall: 30 } });
});
afterEach(() => server.close());

const url = (path: string) => `http://127.0.0.1:${server.port}${path}`;

/** Everything that a request brings over a bare socket, until the server closes or `until` is in it. */
async function raw(body: object, until?: string): Promise<{ text: string; reset: boolean; socket: net.Socket }> {
  const socket = net.connect(server.port, '127.0.0.1');
  const json = JSON.stringify({ messages: user('Hi'), ...body });
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`,
  );
  let text = '';
  let reset = false;
  await new Promise<void>((resolve) => {
    socket.on('data', (bytes) => {
      text += bytes.toString();
      if (until !== undefined && text.includes(until)) resolve();
    });
    socket.on('error', (error) => {
      reset = (error as NodeJS.ErrnoException).code === 'ECONNRESET';
    });
    socket.on('close', () => resolve());
  });
  return { text, reset, socket };
}

test('one event is one HTTP chunk; a whole stream ends with the zero chunk, its connection stays', async () => {
  const { text, socket } = await raw({ model: 'sim:tokens=2', stream: true }, '\r\n0\r\n\r\n');
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(text.toLowerCase()).toContain('content-type: text/event-stream; charset=utf-8\r\n');
  expect(text.match(/\r\n[0-9a-f]+\r\ndata: /g)).toHaveLength(5);
  expect(socket.destroyed).toBe(false);
  socket.destroy();
});

test('cut: FIN without a zero chunk', async () => {
  const { text, reset } = await raw({ model: 'sim:cut=2', stream: true });
  expect(text.match(/data: /g)).toHaveLength(3);
  expect(text).not.toContain('\r\n0\r\n');
  expect(reset).toBe(false);
  expect(server.requests().requests[0]).toMatchObject({ course: 'cut 2', outcome: 'closed' });
});

test('cut, not streamed: less than the head declared', async () => {
  const { text } = await raw({ model: 'sim:cut=2' });
  const declared = Number(/content-length: (\d+)/i.exec(text)?.[1]);
  expect(text.split('\r\n\r\n')[1]?.length).toBeLessThan(declared);
});

test('reset: RST without a byte', async () => {
  const { text, reset } = await raw({ model: 'sim:fault=reset' });
  expect({ text, reset }).toEqual({ text: '', reset: true });
});

test('stall and silence: the socket stays open until the client leaves, which the ledger tells', async () => {
  const { text, socket } = await raw({ model: 'sim:stall=1', stream: true }, 'data: ');
  expect(text).toContain('data: ');
  expect(server.requests()).toMatchObject({ open: 1, requests: [{ outcome: 'open', closed_at: null }] });
  socket.destroy();
  await once(socket, 'close');
  await expect.poll(() => server.requests().requests[0]?.outcome).toBe('left');
  expect(server.requests().requests[0]?.closed_at).toBeGreaterThan(0);
});

test('models, health, ledger, reset, with and without /v1', async () => {
  const list = (await (await fetch(url('/v1/models'))).json()) as { data: { id: string }[] };
  expect(list.data.map((model) => model.id)).toEqual(expect.arrayContaining(['sim', 'fb-ok', 'fb-s15-flap']));
  expect((await fetch(url('/models/sim'))).status).toBe(200);
  expect((await fetch(url('/v1/models/none'))).status).toBe(404);
  expect(await (await fetch(url('/health'))).json()).toEqual({ status: 'ok' });
  expect((await fetch(url('/v1/nowhere'))).status).toBe(404);
  const body = JSON.stringify({ model: 'sim:tokens=3', messages: user('Hi') });
  expect((await fetch(url('/chat/completions'), { method: 'POST', body })).status).toBe(200);
  const ledger: unknown = await (await fetch(url('/ledger'))).json();
  expect(ledger).toMatchObject({
    attempts: { sim: 1 },
    usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 },
  });
  expect((await fetch(url('/reset'), { method: 'POST' })).status).toBe(204);
  expect(server.requests().requests).toEqual([]);
});

test('models as each dialect lists them', async () => {
  const get = async (path: string): Promise<unknown> => (await fetch(url(path))).json();
  const shared = await get('/v1/models');
  expect(shared).toMatchObject({ object: 'list', has_more: false, first_id: 'sim' });
  expect(shared).toMatchObject({
    data: expect.arrayContaining([expect.objectContaining({ id: 'sim', type: 'model' })]),
  });
  expect(shared).toMatchObject({ models: expect.arrayContaining([expect.objectContaining({ name: 'sim' })]) });
  const google = expect.arrayContaining([expect.objectContaining({ name: 'models/sim' })]);
  expect(await get('/v1beta/models')).toEqual({ models: google });
  expect(await get('/v1beta/models/sim')).toMatchObject({ name: 'models/sim' });
  expect(await get('/v1beta/models/none')).toMatchObject({ error: { code: 404, status: 'NOT_FOUND' } });
  const local = expect.arrayContaining([expect.objectContaining({ model: 'sim' })]);
  expect(await get('/api/tags')).toEqual({ models: local });
  const summaries = expect.arrayContaining([expect.objectContaining({ modelId: 'sim' })]);
  expect(await get('/foundation-models')).toEqual({ modelSummaries: summaries });
});

test('a slow reader is not written past the buffers', async () => {
  const socket = net.connect(server.port, '127.0.0.1');
  socket.pause();
  const json = JSON.stringify({ model: 'sim:tokens=100000', messages: user('Hi'), stream: true });
  socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${json.length}\r\n\r\n${json}`);
  let last = -1;
  const settled = () => {
    const chunks = server.requests().requests[0]?.chunks ?? 0;
    const same = chunks > 0 && chunks === last;
    last = chunks;
    return same;
  };
  await expect.poll(settled, { interval: 100, timeout: 10_000 }).toBe(true);
  expect(last).toBeLessThan(100_000);
  socket.destroy();
  await expect.poll(() => server.requests().requests[0]?.outcome).toBe('left');
});

test('the official SDK gets whole and streamed answers', async () => {
  const openai = new OpenAI({ baseURL: url('/v1'), apiKey: 'any' });
  const body = { model: 'sim', messages: [{ role: 'user' as const, content: 'Hi' }] };
  const whole = await openai.chat.completions.create(body);
  let streamed = '';
  for await (const chunk of await openai.chat.completions.create({ ...body, stream: true })) {
    streamed += chunk.choices[0]?.delta.content ?? '';
  }
  expect(streamed).toBe(whole.choices[0]?.message.content);
});

test('the official SDK gets responses too, and puts their events together', async () => {
  const openai = new OpenAI({ baseURL: url('/v1'), apiKey: 'any', maxRetries: 0 });
  const tool = { type: 'function' as const, name: 'get_weather', parameters: { type: 'object' }, strict: false };
  const body = { model: 'sim:reasoning=3', input: 'Call get_weather', tools: [tool] };
  const whole = await openai.responses.create(body);
  expect(whole.output.map(({ type }) => type)).toEqual(['reasoning', 'function_call']);
  const collected = await openai.responses.stream(body).finalResponse();
  expect(collected.output.map(({ type }) => type)).toEqual(['reasoning', 'function_call']);
  expect(collected.usage).toEqual(whole.usage);
  const text = await openai.responses.stream({ model: 'sim:echo', input: 'one two' }).finalResponse();
  expect(text.output_text).toBe('one two');
  const late = openai.responses.stream({ model: 'sim:fault=500,fault_after=2', input: 'Hi' });
  await expect(late.finalResponse()).rejects.toThrow();
  await expect(openai.responses.create({ model: 'sim:fault=429', input: 'Hi' })).rejects.toMatchObject({ status: 429 });
});

const post = async (body: object) => {
  const response = await fetch(url('/v1/chat/completions'), {
    method: 'POST',
    body: JSON.stringify({ messages: user('Hi'), stream: true, ...body }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
};

test('failover models: sixty words, one event each', async () => {
  const { text } = await post({ model: 'x/fb-ok', stream_options: { include_usage: true } });
  expect(contentOf(text).split(' ')).toHaveLength(60);
  expect(eventsOf(text)).toHaveLength(64);
  expect(eventsOf(text).at(-2)).toMatchObject({ usage: { prompt_tokens: 5, completion_tokens: 60, total_tokens: 65 } });
});

test('failover models: a prefill is continued, or refused', async () => {
  const { text } = await post({ model: 'fb-ok' });
  const words = contentOf(text).split(' ');
  const messages = [...user('Hi'), { role: 'assistant', content: words.slice(0, 40).join(' ') }];
  expect(contentOf((await post({ model: 'fb-ok', messages })).text)).toBe(` ${words.slice(40).join(' ')}`);
  expect(await post({ model: 'fb-ok-noprefill', messages })).toMatchObject({
    status: 400,
    text: expect.stringContaining('invalid_prefill'),
  });
  expect((await post({ model: 'fb-ok-noprefill' })).status).toBe(200);
});

test.each([
  ['fb-s01-429-retry-after', [429, 200], 'rate_limit_exceeded'],
  ['fb-s02-429-persistent', [429, 429], 'rate_limit_exceeded'],
  ['fb-s03-500-then-200', [500, 200], 'server_error'],
  ['fb-s04-503-persistent', [503, 503], 'overloaded'],
  ['fb-s12-context-length', [400, 400], 'context_length_exceeded'],
  ['fb-s13-content-filter', [400, 400], 'content_policy_violation'],
  ['fb-s15-flap', [503, 503], 'overloaded'],
  ['fb-s16-503-persistent', [503, 503], 'overloaded'],
])('failover model %s', async (model, statuses, code) => {
  const first = await post({ model });
  const second = await post({ model });
  expect([first.status, second.status]).toEqual(statuses);
  expect(first.text).toContain(code);
  expect(first.headers.get('retry-after')).toBe(model === 'fb-s01-429-retry-after' ? '2' : null);
  expect(server.requests().attempts[model]).toBe(2);
});

test('failover models: the flapping one is well after the outage', async () => {
  await server.close();
  server = await createSimulatorServer({ failover: { ...failoverProfiles.fast, outage: 0, token: 1 } });
  expect((await post({ model: 'fb-s15-flap' })).status).toBe(200);
});

test('failover models: resets, cuts, stalls, malformed events and a missing end', async () => {
  await expect(post({ model: 'fb-s05-reset' })).rejects.toThrow();
  expect((await post({ model: 'fb-s05-reset' })).status).toBe(200);
  expect((await raw({ model: 'fb-s08-stream-cut', stream: true })).text.match(/data: /g)).toHaveLength(41);
  expect((await raw({ model: 'fb-s09-stream-stall', stream: true })).text.match(/data: /g)).toHaveLength(21);
  const malformed = eventsOf((await post({ model: 'fb-s10-malformed-chunk' })).text);
  expect(malformed.findIndex((event) => typeof event === 'string')).toBe(11);
  expect(malformed.at(-1)).toBe('[DONE]');
  const open = eventsOf((await post({ model: 'fb-s11-no-done' })).text);
  expect(open.at(-1)).toMatchObject({ choices: [{ finish_reason: 'stop' }] });
  expect(contentOf((await post({ model: 'fb-s07-slow-ttft' })).text).split(' ')).toHaveLength(60);
});
