import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { spawnGateway, startGateway, type TestGateway } from '../support/gateway.ts';
import { run } from '../support/process.ts';
import { framed, rawEntrances } from '../support/raw-entrances.ts';

// The audit log of a running gateway: one record of each call, whatever became of it, and none that is missed.

const secret = randomBytes(32).toString('hex');
const apiKey = 'llmb-audit-test';
const config = (folder: string, more = '', server = '') => `
server: { ${server} }
providers: { sim: { type: simulator, models: [sim] } }
models: [{ name: fast, targets: [{ provider: sim, model: "sim:tokens=4" }] }]
security:
  anonymous: false
  api_keys:
    - { name: laptop, user: alice, sha256: ${createHash('sha256').update(apiKey).digest('hex')} }
    - { name: few, user: bob, models: [fast], sha256: ${createHash('sha256').update(`${apiKey}-2`).digest('hex')} }
  sealing: { keys: [{ id: k1, secret: "${randomBytes(32).toString('hex')}" }] }
rate_limit: { user: { overrides: { bob: { requests: 2/d } } } }
monitoring: { audit: { file: "${folder}/audit-{worker}.jsonl", key: "${secret}"${more} } }
`;

const place = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'llm-bridge-audit-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};
const recordsIn = (folder: string, worker = 0): Record<string, unknown>[] =>
  readFileSync(join(folder, `audit-${worker}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const callsIn = (folder: string, worker = 0) => recordsIn(folder, worker).filter(({ type }) => type === 'call');

const verify = (folder: string, ...options: string[]) =>
  run(
    process.execPath,
    [
      'src/main.ts',
      'audit',
      'verify',
      ...options.filter((each) => !each.startsWith('-')).map((each) => join(folder, each)),
      ...options.filter((each) => each.startsWith('-')),
    ],
    { env: { LLMBRIDGE_MONITORING__AUDIT__KEY: secret } },
  );

const alice = { 'x-api-key': apiKey };
const bob = { 'x-api-key': `${apiKey}-2` };

describe.each(rawEntrances)('$name', (entrance) => {
  let folder: string;
  let gateway: TestGateway;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llm-bridge-audit-'));
    gateway = await startGateway(config(folder));
  });
  afterAll(async () => {
    await gateway.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('leaves one record of each call, whatever became of it', async () => {
    const word = 'words-of-the-prompt';
    const unsealable =
      entrance.name === 'JSON'
        ? Buffer.from('{"sealed":{"version":1,"key_id":"k1","nonce":"AAAA","ciphertext":"AAAA"}}')
        : Buffer.from(
            toBinary(ChatCompletionRequestSchema, create(ChatCompletionRequestSchema, { sealed: { keyId: 'k1' } })),
          );
    const expected: [outcome: string, user: string][] = [];
    const ask = async (
      headers: Readonly<Record<string, string>>,
      body: Buffer,
      stream: boolean,
      outcome: string,
      user: string,
    ) => {
      await entrance.send(gateway.url, headers, body, stream);
      expected.push([outcome, user]);
    };
    for (const stream of [false, true]) {
      const good = entrance.encode('fast', word, stream);
      await ask(alice, good, stream, 'ok', 'alice');
      await ask({ 'x-api-key': 'wrong' }, good, stream, 'CREDENTIAL_INVALID', '');
      await ask({}, good, stream, 'CREDENTIAL_MISSING', '');
      await ask(alice, entrance.encode('nothing', word, stream), stream, 'MODEL_NOT_FOUND', 'alice');
      await ask(alice, entrance.encode('sim/sim:fault=503', word, stream), stream, 'PROVIDER_UNAVAILABLE', 'alice');
      await ask(alice, entrance.encode('sim/sim:tokens=20,cut=4', word, true), true, 'PROVIDER_STREAM_CUT', 'alice');
      await ask(alice, Buffer.from([0xff, 0xff, 0xff]), stream, 'BODY_INVALID', 'alice');
      await ask(bob, entrance.encode('sim/sim', word, stream), stream, 'MODEL_FORBIDDEN', 'bob');
    }
    await ask(bob, entrance.encode('fast', word, false), false, 'RATE_LIMITED', 'bob');
    await ask(alice, unsealable, false, 'SEAL_INVALID', 'alice');
    await expect.poll(() => callsIn(folder).length).toBe(expected.length);
    const found = callsIn(folder);
    expect(found.map(({ outcome, user }) => [outcome, user])).toEqual(expected);
    expect(new Set(found.map(({ request_id }) => request_id)).size).toBe(expected.length);
    expect(found[0]).toMatchObject({
      auth: 'api-key',
      credential: 'laptop',
      address: '127.0.0.1',
      requested_model: 'fast',
      method: '/llmbridge.v1.ChatService/ChatCompletion',
      provider: 'sim',
      code: 'OK',
    });
    const lines = gateway.log.filter(({ msg }) => msg === 'call');
    expect(found.map(({ request_id }) => request_id)).toEqual(lines.map(({ request_id }) => request_id));
    const text = readFileSync(join(folder, 'audit-0.jsonl'), 'utf8');
    for (const hidden of [word, apiKey, secret]) expect(text).not.toContain(hidden);
  });
});

test('unknown URLs, lists of models and health have records, too', async () => {
  const folder = place();
  const gateway = await startGateway(config(folder));
  await fetch(`${gateway.url}/nowhere`);
  await fetch(`${gateway.url}/v1/models`, { headers: alice });
  await fetch(`${gateway.url}/health`);
  await fetch(`${gateway.url}/v1/chat/completions`);
  await gateway.stop();
  expect(callsIn(folder).map(({ outcome }) => outcome)).toEqual(['ROUTE_NOT_FOUND', 'ok', 'ok', 'METHOD_NOT_ALLOWED']);
  expect(await verify(folder, 'audit-0.jsonl', '--complete')).toMatchObject({ code: 0 });
});

test('calls that are given up, and those that are cut when the gateway stops, have records', async () => {
  const folder = place();
  const gateway = await startGateway(config(folder, '', 'drain_timeout: 100ms'));
  const slow = 'sim/sim:tokens=1000,tps=20';
  const body = JSON.stringify({ model: slow, stream: true, messages: [{ role: 'user', content: 'Hello' }] });
  const ask = async () => {
    const leave = new AbortController();
    const headers = { 'content-type': 'application/json', ...alice };
    const reply = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers,
      body,
      signal: leave.signal,
    });
    const reader = reply.body?.getReader();
    await reader?.read();
    return { leave, rest: async () => reader?.read().catch(() => {}) };
  };
  const session = http2.connect(gateway.url);
  session.on('error', () => {});
  const over2 = async (path: string) => {
    const headers = { 'content-type': 'application/grpc', te: 'trailers', ...alice };
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
    stream.on('error', () => {});
    return stream;
  };
  const left = await ask();
  left.leave.abort();
  await expect.poll(() => callsIn(folder).length).toBe(1);
  const [grpc] = rawEntrances;
  const reset = await over2('/llmbridge.v1.ChatService/StreamChatCompletion');
  reset.end(framed(grpc?.encode(slow, 'Hello', true) ?? Buffer.alloc(0)));
  await once(reset, 'response');
  reset.close(http2.constants.NGHTTP2_CANCEL);
  await expect.poll(() => callsIn(folder).length).toBe(2);
  const unknown = await over2('/llmbridge.v1.ChatService/Nothing');
  unknown.end(framed(Buffer.alloc(0)));
  await expect.poll(() => callsIn(folder).length).toBe(3);
  const watch = await over2('/grpc.health.v1.Health/Watch');
  watch.end(framed(Buffer.alloc(0)));
  await once(watch, 'response');
  await ask();
  await gateway.stop();
  session.destroy();
  expect(
    callsIn(folder)
      .map(({ outcome }) => outcome)
      .sort(),
  ).toEqual(['CANCELLED', 'CANCELLED', 'ROUTE_NOT_FOUND', 'SHUTTING_DOWN', 'SHUTTING_DOWN']);
  expect(await verify(folder, 'audit-0.jsonl', '--complete')).toMatchObject({ code: 0 });
});

test('of hundreds at once, many of them given up, each has its record', async () => {
  const folder = place();
  const gateway = await startGateway(config(folder));
  const ask = async (i: number) => {
    const signal = i % 3 === 0 ? AbortSignal.timeout(5 + (i % 40)) : undefined;
    const body = JSON.stringify({
      model: 'sim/sim:ttft=20ms',
      stream: i % 2 === 0,
      messages: [{ role: 'user', content: 'Hi' }],
    });
    const headers = { 'content-type': 'application/json', 'x-request-id': `call-${i}`, ...alice };
    const init = { method: 'POST', headers, body, ...(signal && { signal }) };
    await fetch(`${gateway.url}/v1/chat/completions`, init)
      .then((reply) => reply.text())
      .catch(() => {});
  };
  await Promise.all(Array.from({ length: 300 }, (_, i) => ask(i)));
  await gateway.stop();
  const lines = gateway.log
    .filter(({ msg }) => msg === 'call')
    .map(({ request_id, outcome }) => `${request_id} ${outcome}`);
  const records = callsIn(folder).map(({ request_id, outcome }) => `${request_id} ${outcome}`);
  expect(records).toEqual(lines);
  expect(new Set(records).size).toBe(records.length);
  expect(records.length).toBeGreaterThan(199);
});

test.each([
  ['closed', 'AUDIT_UNAVAILABLE'],
  ['open', ''],
])('on a full disk calls are %s', async (mode, expected) => {
  const folder = place();
  const gateway = await startGateway(config(folder, `, on_failure: ${mode}`));
  const path = join(folder, 'audit-0.jsonl');
  const [grpc, , , , json] = rawEntrances;
  const ask = async (entrance = json) =>
    (await entrance?.send(gateway.url, alice, entrance.encode('fast', 'Hello', false), false))?.reason;
  try {
    expect(await ask()).toBe('');
    await expect.poll(() => callsIn(folder).length).toBe(1);
    rmSync(path);
    symlinkSync('/dev/full', path);
    const failing = () => gateway.log.some(({ event }) => event === 'audit_failing');
    await expect
      .poll(async () => (await ask()) !== undefined && failing(), { timeout: 10_000, interval: 200 })
      .toBe(true);
    for (const entrance of [grpc, json]) expect(await ask(entrance)).toBe(expected);
    // Who may not call is told that, and health is nobody's business.
    const stranger = await json?.send(gateway.url, {}, json.encode('fast', 'Hello', false), false);
    expect(stranger?.reason).toBe('INVALID_API_KEY');
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/^llmbridge_audit_up 0$/m);
    rmSync(path);
    await expect.poll(() => gateway.log.some(({ event }) => event === 'audit_back'), { timeout: 10_000 }).toBe(true);
    expect(await ask()).toBe('');
  } finally {
    await gateway.stop();
  }
  const { code, stdout } = await verify(folder, 'audit-0.jsonl');
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/another file, or none/) });
});

test('a process that is killed loses nothing that was written, and the next goes on', async () => {
  const folder = place();
  const [, , , , json] = rawEntrances;
  const ask = (url: string) => json?.send(url, alice, json.encode('fast', 'Hello', false), false);
  const first = await spawnGateway(config(folder));
  onTestFinished(() => void first.child.kill('SIGKILL'));
  for (let i = 0; i < 5; i++) await ask(first.url);
  await expect.poll(() => callsIn(folder).length).toBe(5);
  first.child.kill('SIGKILL');
  await first.exited;
  const second = await spawnGateway(config(folder));
  onTestFinished(() => void second.child.kill('SIGKILL'));
  await ask(second.url);
  await second.stop();
  expect(recordsIn(folder).map(({ type }) => type)).toEqual([
    'open',
    ...Array(5).fill('call'),
    'start',
    'call',
    'close',
  ]);
  expect(await verify(folder, 'audit-0.jsonl', '--complete')).toMatchObject({ code: 0 });
  const third = await spawnGateway(config(folder, '', 'workers: 2'));
  onTestFinished(() => void third.child.kill('SIGKILL'));
  await Promise.all(Array.from({ length: 8 }, () => ask(third.url)));
  await third.stop();
  expect(callsIn(folder).length + callsIn(folder, 1).length).toBe(14);
  expect(await verify(folder, 'audit-0.jsonl', 'audit-1.jsonl', '--complete')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/(?:.*closed\n){2}as written/),
  });
});

test.each([
  ['a folder that is not one', '/dev/null/x', /monitoring\.audit\.file: .* cannot be written/],
  ['a file without a worker for two of them', '', /each worker process needs a file of its own/],
])('%s is no place for it', async (_name, file, message) => {
  const yaml = `
server: { workers: ${file === '' ? 2 : 1} }
providers: { sim: { type: simulator } }
monitoring: { audit: { file: "${file || '/tmp/audit.jsonl'}", key: "${secret}" } }
`;
  await expect(startGateway(yaml)).rejects.toThrow(message);
});
