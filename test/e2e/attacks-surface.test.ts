import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ServerReflection } from '../../gen/es/grpc/reflection/v1/reflection_pb.ts';
import { ChatService } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type RecordingProvider, recordingProvider } from '../support/recording-provider.ts';

// What a caller may reach through the gateway, and what the gateway tells of itself.

let provider: RecordingProvider;
/** Whoever asks this was led astray. */
const stray: string[] = [];
const elsewhere = http.createServer((request, response) => {
  stray.push(`${request.method} ${request.url}`);
  response.end('{}');
});
let elsewhereUrl = '';
let gateway: TestGateway;
beforeAll(async () => {
  provider = await recordingProvider();
  await new Promise<void>((resolve) => void elsewhere.listen(0, '127.0.0.1', resolve));
  elsewhereUrl = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
  const key = 'api_keys: [sk-of-the-gateway], list_models: false';
  gateway = await startGateway(`
server: { reflection: false }
balancer: { retry: { max: 0 }, breaker: { consecutive: 100000, min_requests: 100000 } }
providers:
  openai: { type: openai, base_url: "${provider.baseUrl}", ${key} }
  gemini: { type: gemini, base_url: "${provider.baseUrl}", ${key} }
  bedrock: { type: bedrock, base_url: "${provider.baseUrl}", region: us-east-1, ${key} }
  azure: { type: azure-openai, base_url: "${provider.baseUrl}", api_version: "2024-10-21", ${key} }
  vertex: { type: vertex, base_url: "${provider.baseUrl}", project: p, location: l, ${key} }
models: [{ name: fast, targets: [{ provider: openai, model: gpt-4o-mini }] }]
`);
});
afterAll(async () => {
  await gateway.stop();
  await provider.close();
  elsewhere.close();
});

const messages = [{ role: 'user', content: 'Hello' }];

async function post(body: unknown, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

describe('nothing that a caller sends names an address', () => {
  test('fields', async () => {
    const names = [
      'base_url',
      'baseUrl',
      'baseURL',
      'api_base',
      'api_url',
      'endpoint',
      'url',
      'proxy',
      'host',
      'origin',
    ];
    const bodies = names.flatMap((name) => [
      { model: 'fast', messages, [name]: elsewhereUrl },
      { model: 'fast', messages, parameters: { [name]: elsewhereUrl } },
      { model: 'fast', messages, extra: { openai: JSON.stringify({ [name]: elsewhereUrl }) } },
      { model: 'fast', messages, extra: { '*': JSON.stringify({ [name]: elsewhereUrl }) } },
      { model: 'fast', messages, provider: { [name]: elsewhereUrl } },
      { model: 'fast', messages, llmbridge: { [name]: elsewhereUrl } },
    ]);
    await Promise.all(bodies.map((body) => post(body)));
    for (const { path, headers } of provider.requests) {
      expect(path).toMatch(/\/chat\/completions$/);
      expect(`http://${headers.host}`).toBe(new URL(provider.baseUrl).origin);
    }
    expect(stray).toEqual([]);
  });

  test('headers', async () => {
    const names = [
      'x-base-url',
      'x-provider-url',
      'x-openai-base-url',
      'openai-base-url',
      'x-portkey-custom-host',
      'helicone-target-url',
      'x-forwarded-host',
      'x-original-url',
      'x-rewrite-url',
      'forwarded',
      'x-target-url',
    ];
    const before = provider.requests.length;
    await Promise.all(names.map((name) => post({ model: 'fast', messages }, { [name]: elsewhereUrl })));
    expect(provider.requests.length - before).toBe(names.length);
    for (const { headers } of provider.requests.slice(before))
      expect(JSON.stringify(headers)).not.toContain(elsewhereUrl.slice('http://'.length));
    expect(stray).toEqual([]);
  });

  test('pictures and files are never fetched', async () => {
    const parts = [
      { type: 'image_url', image_url: { url: `${elsewhereUrl}/picture.png` } },
      { type: 'file', file: { file_data: `${elsewhereUrl}/file.pdf` } },
      { type: 'input_audio', input_audio: { data: `${elsewhereUrl}/a.wav`, format: 'wav' } },
    ];
    for (const model of ['openai/m', 'gemini/m', 'bedrock/m', 'vertex/m'])
      for (const part of parts) await post({ model, messages: [{ role: 'user', content: [part] }] });
    expect(stray).toEqual([]);
  });

  test('a name of a model leaves its place in the address of no provider', async () => {
    const wild = [
      '../../../admin',
      '..%2f..%2fadmin',
      'm?key=x',
      'm#x',
      'm:other',
      'm/../x',
      '@elsewhere',
      '//elsewhere/x',
      `${elsewhereUrl}/x`,
      'm\r\nx-injected: 1',
      'm\nHost: elsewhere',
      'm\0',
      'm HTTP/1.1',
      '.',
      '..',
      '%2e%2e',
      'm\\..\\x',
    ];
    let asked = 0;
    for (const name of ['gemini', 'bedrock', 'azure', 'vertex', 'openai']) {
      const before = provider.requests.length;
      await post({ model: `${name}/plain`, messages });
      const plain = provider.requests[before];
      if (plain === undefined) throw new Error(`${name} was not asked`);
      const segments = plain.path.split('?')[0]?.split('/').length;
      for (const model of wild) {
        const from = provider.requests.length;
        const { status } = await post({ provider: name, model, messages });
        for (const { path, headers } of provider.requests.slice(from)) {
          expect([name, model, path.split('?')[0]?.split('/').length]).toEqual([name, model, segments]);
          expect([name, model, new URL(path, 'http://a').pathname.split('/').length]).toEqual([name, model, segments]);
          expect(path.split('?')[1]).toBe(plain.path.split('?')[1]);
          expect(Object.keys(headers)).not.toContain('x-injected');
        }
        expect([name, model, [200, 400, 404, 500, 503].includes(status)]).toEqual([name, model, true]);
        asked += provider.requests.length - from;
      }
    }
    // Most of them are names as good as any, written so that they stay one.
    expect(asked).toBeGreaterThan(50);
    expect(stray).toEqual([]);
  });
});

describe('simulators', () => {
  test('are not there unless the configuration has them', async () => {
    const before = provider.requests.length;
    const { text } = await (await fetch(`${gateway.url}/v1/models`)).text().then((page) => ({ text: page }));
    expect(text).not.toContain('"sim"');
    for (const body of [
      { model: 'sim', messages },
      { model: 'sim:tokens=5', messages },
      { model: 'sim/sim', messages },
      { model: 'simulator/sim', messages },
      { provider: 'sim', model: 'sim', messages },
      { provider: 'simulator', model: 'sim', messages },
      { model: 'simulated', messages },
    ]) {
      const { status, text: told } = await post(body);
      expect([body, status]).toEqual([body, 404]);
      expect(told).not.toContain('"choices"');
    }
    const knobs = await post({ model: 'fast', messages, extra: { simulator: '{"fault":429}' } });
    expect(knobs.text).not.toContain('simulated":true');
    expect(provider.requests.length - before).toBeLessThanOrEqual(1);
  });
});

describe('what the gateway tells of itself', () => {
  test('reflection is off where the configuration says so', async () => {
    const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: gateway.url }));
    const ask = async () => {
      const questions = (async function* () {
        yield { messageRequest: { case: 'listServices' as const, value: '' } };
      })();
      for await (const answer of client.serverReflectionInfo(questions)) return answer;
      return undefined;
    };
    await expect(ask()).rejects.toMatchObject({ code: Code.Unimplemented });
  });

  test('there is no door to what is inside', async () => {
    const paths = [
      '/debug/pprof/',
      '/debug/pprof/heap',
      '/debug/vars',
      '/debug',
      '/heapdump',
      '/heapsnapshot',
      '/json',
      '/json/list',
      '/json/version',
      '/admin',
      '/config',
      '/configuration',
      '/env',
      '/.env',
      '/actuator/env',
      '/actuator/heapdump',
      '/server-status',
      '/trace',
      '/docs',
      '/openapi.json',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/v1/../metrics/../.env',
    ];
    for (const path of paths)
      for (const method of ['GET', 'POST']) {
        const response = await fetch(`${gateway.url}${path}`, {
          method,
          headers: { 'content-type': 'application/json' },
        });
        expect([method, path, response.status]).toEqual([method, path, 404]);
        await response.text();
      }
    // The inspector opens at no signal but Node's own, and no port but the one is listened to.
    expect(process.title).not.toContain('sk-');
  });

  test('every reply is data, kept nowhere, and names no software', async () => {
    const json = { 'content-type': 'application/json' };
    const rpc = '/llmbridge.v1.ChatService';
    const body = JSON.stringify({ model: 'fast', messages });
    const replies: readonly (readonly [string, RequestInit])[] = [
      ['/v1/chat/completions', { method: 'POST', headers: json, body }],
      ['/v1/chat/completions', { method: 'POST', headers: json, body: body.replace('{', '{"stream":true,') }],
      ['/v1/chat/completions', { method: 'POST', headers: json, body: '{' }],
      ['/v1/chat/completions', { method: 'GET' }],
      ['/v1/chat/completions', { method: 'OPTIONS' }],
      ['/v1/models', {}],
      ['/nowhere', {}],
      ['/health', {}],
      ['/health/live', {}],
      ['/metrics', {}],
      [
        `${rpc}/ChatCompletion`,
        { method: 'POST', headers: json, body: '{"model":"fast","messages":[{"role":"ROLE_USER","content":"Hi"}]}' },
      ],
      [`${rpc}/ChatCompletion`, { method: 'POST', headers: json, body: '{' }],
      [`${rpc}/Nothing`, { method: 'POST', headers: json, body: '{}' }],
    ];
    for (const [path, init] of replies) {
      const { headers, status } = await fetch(`${gateway.url}${path}`, init);
      if (status === 204) continue;
      const where = `${init.method ?? 'GET'} ${path} ${status}`;
      expect([where, headers.get('x-content-type-options')]).toEqual([where, 'nosniff']);
      expect([where, headers.get('cache-control')]).toEqual([where, expect.stringMatching(/no-store|no-cache/)]);
      expect([where, headers.get('server'), headers.get('x-powered-by'), headers.get('via')]).toEqual([
        where,
        null,
        null,
        null,
      ]);
    }
  });

  test.each<[string, (baseUrl: string) => Transport]>([
    ['gRPC', (baseUrl) => createGrpcTransport({ baseUrl })],
    ['Connect', (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2' })],
  ])('an error over %s says nothing of where it came from', async (_name, transport) => {
    const client = createClient(ChatService, transport(gateway.url));
    const failure = await client.chatCompletion({ model: 'nothing-there' }).then(
      () => undefined,
      (thrown: unknown) => ConnectError.from(thrown),
    );
    const told = `${failure?.message} ${JSON.stringify([...(failure?.metadata ?? [])])}`;
    expect(told).not.toMatch(/sk-of|node_modules|\.ts:|\bat \w+ \(|127\.0\.0\.1/);
  });
});
