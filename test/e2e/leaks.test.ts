import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { type GatewayProcess, spawnGateway } from '../support/gateway.ts';
import { run } from '../support/process.ts';
import { framed, type RawEntrance, rawEntrances } from '../support/raw-entrances.ts';
import { type Sealed, SealedCaller } from '../support/sealed-caller.ts';
import { SignedCaller } from '../support/signed-caller.ts';
import { signingKey, type TokenIssuer, tokenIssuer } from '../support/token-issuer.ts';

// Nothing leaks: what is secret is planted everywhere, through successes and failures of all kinds, at the log level that
// says most, and looked for in all that the gateway says.

const word = (name: string) => `canary-${name}-${randomBytes(12).toString('hex')}`;
const secrets = {
  apiKey: word('api-key'),
  wrongKey: word('wrong-key'),
  cookie: word('cookie'),
  query: word('query'),
  upstreamKey: word('upstream-key'),
  upstreamHeader: word('upstream-header'),
  sealing: randomBytes(32).toString('hex'),
  signing: randomBytes(32).toString('hex'),
  audit: randomBytes(32).toString('hex'),
};
/** What callers send and get; nobody else may see it. */
const contents = { prompt: word('prompt'), sealedPrompt: word('sealed-prompt'), answer: word('answer') };
/** Tokens and ciphertexts, as they are sent. */
const sent: Record<string, string> = {};

const spellings = (text: string): string[] => {
  const bytes = /^[0-9a-f]{64}$/.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text);
  return [text, bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), bytes.toString('hex')];
};

/** The text, and what its base64 hides. */
const unfolded = (text: string): string =>
  [
    text,
    ...(text.match(/[A-Za-z0-9+/_-]{32,}/g) ?? []).map((run) => Buffer.from(run, 'base64').toString('latin1')),
  ].join('\n');

/** The names of what a text gives away. */
function leaks(text: string, what: Readonly<Record<string, string>>): string[] {
  const all = unfolded(text);
  return Object.entries(what).flatMap(([name, value]) =>
    spellings(value).some((each) => all.includes(each)) ? [name] : [],
  );
}

/** A provider that tells all it was sent, in whatever way the model's name says. */
async function tellingProvider() {
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => {
      body += piece.toString();
    });
    request.on('end', () => {
      const told = `${request.headers.authorization} ${JSON.stringify(request.headers)} ${body}`;
      const { model, stream } = JSON.parse(body || '{"model":""}') as { model: string; stream?: boolean };
      const status = Number(/^status-(\d+)$/.exec(model)?.[1] ?? 200);
      const chunk = (content: string) =>
        `data: ${JSON.stringify({ id: '1', object: 'chat.completion.chunk', created: 1, model, choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
      if (status !== 200) {
        response.writeHead(status, { 'content-type': 'application/json', 'x-told': secrets.upstreamHeader });
        response.end(JSON.stringify({ error: { message: told, type: told, code: told, param: told } }));
      } else if (model === 'malformed') response.end(`{"choices": ${told}`);
      else if (model === 'gone') request.socket.destroy();
      else if (stream) {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(chunk(contents.answer));
        if (model === 'cut') setImmediate(() => request.socket.destroy());
        else if (model === 'garbage') response.end(`data: {${told}\n\n`);
        else response.end('data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
      } else {
        const choices = [{ index: 0, message: { role: 'assistant', content: contents.answer }, finish_reason: 'stop' }];
        response.end(JSON.stringify({ id: '1', object: 'chat.completion', created: 1, model, choices }));
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` };
}

const models = [
  'good',
  'status-400',
  'status-401',
  'status-403',
  'status-429',
  'status-500',
  'malformed',
  'gone',
  'cut',
  'garbage',
];

let folder: string;
let issuer: TokenIssuer;
let provider: Awaited<ReturnType<typeof tellingProvider>>;
let gateway: GatewayProcess;
let yaml: string;
/** All that callers were told. */
const replies: string[] = [];

const env = {
  UPSTREAM_KEY: secrets.upstreamKey,
  SEALING: secrets.sealing,
  SIGNING: secrets.signing,
  AUDIT: secrets.audit,
  LLMBRIDGE_MONITORING__LOG__LEVEL: 'trace',
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'llm-bridge-leaks-'));
  issuer = await tokenIssuer();
  provider = await tellingProvider();
  yaml = `
server: { max_request_bytes: 64KiB }
providers:
  up: { type: openai-compatible, base_url: "${provider.url}", api_keys: ["\${UPSTREAM_KEY}"], models: [${models.join(', ')}] }
  down: { type: openai-compatible, base_url: "http://127.0.0.1:1/v1", api_keys: ["\${UPSTREAM_KEY}"], models: [nothing] }
balancer: { retry: { attempts: 0 } }
rate_limit: { user: { overrides: { limited: { requests: 1/d } } } }
security:
  anonymous: false
  api_keys:
    - { name: laptop, user: alice, sha256: ${createHash('sha256').update(secrets.apiKey).digest('hex')} }
    - { name: few, user: limited, sha256: ${createHash('sha256').update(`${secrets.apiKey}-2`).digest('hex')} }
  jwt: { jwks_url: "${issuer.url}" }
  sealing: { keys: [{ id: k1, secret: "\${SEALING}" }] }
  request_signing: { keys: [{ id: s1, secret: "\${SIGNING}" }] }
monitoring: { audit: { file: "${folder}/audit.jsonl", key: "\${AUDIT}" } }
`.replace('balancer: { retry: { attempts: 0 } }\n', '');
  gateway = await spawnGateway(yaml, env);
  const exp = Math.floor(Date.now() / 1000) + 60;
  sent['token'] = await issuer.sign({ sub: 'alice', exp });
  sent['forgedToken'] = await issuer.sign({ sub: 'alice', exp }, { ...signingKey(), kid: issuer.key.kid });
  sent['expiredToken'] = await issuer.sign({ sub: 'alice', exp: exp - 600 });
});
afterAll(async () => {
  await gateway.stop();
  provider.server.closeAllConnections();
  provider.server.close();
  await issuer.close();
  rmSync(folder, { recursive: true, force: true });
});

const own = () => ({ 'x-api-key': secrets.apiKey, cookie: `session=${secrets.cookie}` });

async function tell(
  entrance: RawEntrance,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  stream: boolean,
) {
  const { everything } = await entrance.send(gateway.url, headers, body, stream);
  replies.push(everything);
}

/** A sealed request as this entrance sends it. */
async function sealedBody(entrance: RawEntrance, stream: boolean, model: string): Promise<[Buffer, Sealed]> {
  const sealer = new SealedCaller(Buffer.from(secrets.sealing, 'hex'), 'k1', 'alice');
  const sealed = await sealer.seal(entrance.path(stream), entrance.encode(model, contents.sealedPrompt, stream));
  if (entrance.name !== 'JSON') {
    const message = create(ChatCompletionRequestSchema, { sealed: { ...sealed } });
    return [Buffer.from(toBinary(ChatCompletionRequestSchema, message)), sealed];
  }
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
  const { version, keyId, issuedAt, nonce, ciphertext } = sealed;
  const fields = { version, key_id: keyId, issued_at: issuedAt, nonce: text(nonce), ciphertext: text(ciphertext) };
  return [Buffer.from(JSON.stringify({ sealed: fields })), sealed];
}

describe.each(rawEntrances)('$name', (entrance) => {
  test.each([
    ['whole', false],
    ['streamed', true],
  ])('tells its callers nothing that is not theirs: %s', async (_name, stream) => {
    const begun = replies.length;
    const body = (model: string) => entrance.encode(model, contents.prompt, stream);
    for (const model of [...models, 'nothing', 'unheard-of']) await tell(entrance, own(), body(model), stream);
    for (const credential of [secrets.wrongKey, sent['token'], sent['forgedToken'], sent['expiredToken']]) {
      await tell(entrance, { authorization: `Bearer ${credential}` }, body('good'), stream);
    }
    await tell(entrance, { authorization: `Basic ${btoa(`alice:${secrets.wrongKey}`)}` }, body('good'), stream);
    await tell(entrance, {}, body('good'), stream);
    await tell(entrance, { 'x-api-key': `${secrets.apiKey}-2` }, body('good'), stream);
    await tell(entrance, { 'x-api-key': `${secrets.apiKey}-2` }, body('good'), stream);
    await tell(entrance, own(), Buffer.from(`{"model": ["${contents.prompt}`), stream);
    await tell(entrance, own(), entrance.encode('good', contents.prompt + 'x'.repeat(70_000), stream), stream);
    await tell(
      entrance,
      { ...own(), 'content-encoding': 'gzip', 'grpc-encoding': 'gzip' },
      framed(body('good'), 1),
      stream,
    );
    const path = entrance.path(stream);
    const signed = new SignedCaller(Buffer.from(secrets.signing, 'hex'), 's1').headers(body('good'), {
      path,
      user: 'alice',
    });
    sent[`signature ${entrance.name} ${stream}`] = signed['x-request-signature'] ?? '';
    for (const message of [body('good'), body('good'), body('status-500')])
      await tell(entrance, { ...own(), ...signed }, message, stream);
    for (const model of ['good', 'status-400', 'cut', 'unheard-of']) {
      const [message, { ciphertext }] = await sealedBody(entrance, stream, model);
      sent[`ciphertext ${entrance.name} ${stream} ${model}`] = Buffer.from(ciphertext).toString('base64');
      await tell(entrance, own(), message, stream);
      await tell(entrance, own(), message, stream);
      await tell(entrance, { 'x-api-key': `${secrets.apiKey}-2` }, message, stream);
    }
    for (const text of replies.slice(begun)) {
      expect(leaks(text, { ...secrets, ...sent, sealedPrompt: contents.sealedPrompt })).toEqual([]);
    }
  });
});

test('reflection, health and unknown paths tell nothing', async () => {
  for (const path of [
    '/health',
    '/health/live',
    '/health/ready',
    '/v1/models',
    `/v1/models/good?key=${secrets.query}`,
    `/nowhere?key=${secrets.query}`,
    `/v1/chat/completions?key=${secrets.query}`,
    `/llmbridge.v1.ChatService/ChatCompletion?connect=v1&encoding=json&message=${secrets.query}`,
  ]) {
    const response = await fetch(`${gateway.url}${path}`, { headers: own() });
    replies.push(JSON.stringify([...response.headers]) + (await response.text()));
  }
  const session = http2.connect(gateway.url);
  try {
    for (const request of [
      Buffer.from('3a00', 'hex'),
      Buffer.concat([Buffer.from([0x22, 24]), Buffer.from('llmbridge.v1.ChatService')]),
    ]) {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
        'content-type': 'application/grpc',
        te: 'trailers',
        ...own(),
      });
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.end(framed(request));
      await once(stream, 'close');
      const text = Buffer.concat(pieces).toString('latin1');
      expect(text).toContain('llmbridge.v1');
      replies.push(text);
    }
  } finally {
    session.close();
  }
  for (const text of replies) expect(leaks(text, { ...secrets, ...sent })).toEqual([]);
});

test('the configuration is checked without being told', async () => {
  const file = join(folder, 'config.yaml');
  writeFileSync(file, yaml);
  const right = await run(process.execPath, ['src/main.ts', 'check-config', '--config', file], { env });
  expect(right.code).toBe(0);
  const wrong = {
    ...env,
    SEALING: `${secrets.sealing}00`,
    SIGNING: `${secrets.signing}00`,
    AUDIT: `${secrets.audit}00`,
  };
  const refused = await run(process.execPath, ['src/main.ts', 'check-config', '--config', file], { env: wrong });
  expect(refused.code).toBe(78);
  for (const { stdout, stderr } of [right, refused]) expect(leaks(stdout + stderr, secrets)).toEqual([]);
});

test('no signal opens a debugger', async () => {
  const config = 'providers: { sim: { type: simulator } }';
  const debugged = await spawnGateway(config, { NODE_FLAGS: '--inspect-port=0' });
  debugged.child.kill('SIGUSR1');
  await fetch(`${debugged.url}/health/live`);
  expect(await debugged.stop()).toBe(0);
  expect(debugged.output()).not.toContain('Debugger');
});

test('neither log, nor metrics, nor audit, nor the process table have any of it', async () => {
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  const table = execFileSync('ps', ['-o', 'args=', '-p', String(gateway.child.pid)]).toString();
  await gateway.stop();
  const audit = readFileSync(join(folder, 'audit.jsonl'), 'utf8');
  const log = gateway.output();
  // Everything was seen there that is meant to be.
  expect(audit.split('\n').length).toBeGreaterThan(300);
  expect(log.split('\n').length).toBeGreaterThan(300);
  const outcomes = new Set([...audit.matchAll(/"outcome":"(\w+)"/g)].map(([, outcome]) => outcome));
  expect([...outcomes]).toEqual(
    expect.arrayContaining([
      ...['ok', 'CREDENTIAL_INVALID', 'CREDENTIAL_MISSING', 'SEAL_INVALID', 'SEAL_REPLAYED', 'SIGNATURE_INVALID'],
      ...['REQUEST_REPLAYED', 'RATE_LIMITED', 'BODY_INVALID', 'TOO_LARGE', 'MODEL_NOT_FOUND', 'PROVIDER_CREDENTIAL'],
      ...['PROVIDER_UNAVAILABLE', 'PROVIDER_REJECTED', 'PROVIDER_MALFORMED', 'PROVIDER_STREAM_CUT'],
    ]),
  );
  for (const [name, text] of Object.entries({ metrics, table, audit, log })) {
    expect(leaks(text, { ...secrets, ...sent, ...contents }), name).toEqual([]);
  }
});
