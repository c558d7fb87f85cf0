import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { browserCaller, type OpenPage, openPage } from '../clients/browser.ts';
import type { Caller, Connection } from '../clients/caller.ts';
import { curl } from '../clients/curl.ts';
import { grpcJs } from '../clients/grpc-js.ts';
import { grpcurlCaller } from '../clients/grpcurl.ts';
import { openaiNode } from '../clients/openai.ts';
import { goClient, javaClient, pythonClient } from '../clients/programs.ts';
import { protoLoader } from '../clients/proto-loader.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type Llama, startLlama } from '../support/llama.ts';
import { has, suite } from '../support/parts.ts';

// Every kind of caller, one port, a whole and a streamed answer each: from the simulator, whose text is known to be the
// same for all, and from a real model.

let page: OpenPage | undefined;
const opened = (): OpenPage => {
  if (page === undefined) throw new Error('the page is not open');
  return page;
};

const grpcCallers: readonly Caller[] = [grpcJs, protoLoader, goClient, pythonClient, javaClient, grpcurlCaller];
/** Callers of protocols that a lane serves, and connect-es where lanes are off. */
const rpcCallers: readonly Caller[] = [
  ...grpcCallers,
  browserCaller('grpc-web', opened),
  browserCaller('connect', opened),
  browserCaller('connect-json', opened),
];
const callers: readonly Caller[] = [...rpcCallers, openaiNode, curl];

const simulated = { model: 'sim', content: '你好！ Tell me something.', maxTokens: 12 };
const real = { ...simulated, model: 'tiny-random' };

let llama: Llama | undefined;
let gateway: TestGateway;
/** The same without lanes. */
let reference: TestGateway;
let expected: string;

beforeAll(async () => {
  if (has('python')) llama = await startLlama();
  if (has('chromium')) page = await openPage();
  const config = `
server: { cors: { origins: ["${page?.origin ?? 'http://localhost'}"] } }
providers:
  sim: { type: simulator, models: [sim] }
  llama: { type: openai-compatible, base_url: "${llama?.baseUrl ?? 'http://127.0.0.1:1/v1'}", models: [tiny-random] }
`;
  gateway = await startGateway(config);
  reference = await startGateway(config, { LLMBRIDGE_SERVER__LANES: 'false' });
  const connection = await grpcJs.connect(gateway.port);
  expected = (await connection.ask('chat', simulated)).text;
  await connection.close();
  expect(expected).not.toBe('');
});

afterAll(async () => {
  await page?.close();
  await gateway?.stop();
  await reference?.stop();
  await llama?.stop();
});

/** The same questions by each caller that is there, whole and streamed; those of RPC protocols without lanes too. */
function byEach(ask: (mode: 'chat' | 'stream', connection: () => Connection) => void): void {
  const ways = [
    ...callers.map((caller) => ({ caller, name: caller.name, port: () => gateway.port })),
    ...rpcCallers.map((caller) => ({ caller, name: `${caller.name}, lanes off`, port: () => reference.port })),
  ];
  for (const { caller, name, port } of ways) {
    suite(name, caller.needs, () => {
      let connection: Connection;
      beforeAll(async () => {
        connection = await caller.connect(port());
      }, 300_000);
      afterAll(() => connection?.close());

      describe.each(['chat', 'stream'] as const)('%s', (mode) => ask(mode, () => connection));
    });
  }
}

describe('the simulator', () => {
  byEach((mode, connection) => {
    test('gives the text that every other caller gets', async () => {
      const answer = await connection().ask(mode, simulated);
      expect(answer).toMatchObject({ text: expected, finish: 'length', completionTokens: 12 });
      expect(answer.promptTokens).toBeGreaterThan(0);
      expect(answer.pieces).toBeGreaterThanOrEqual(mode === 'chat' ? 1 : 2);
    });

    test('an unknown model is its typed error', async () => {
      const { failure, text } = await connection().ask(mode, { ...simulated, model: 'no-such-model' });
      expect(text).toBe('');
      expect(['NOT_FOUND', 'model_not_found']).toContain(failure?.code);
      expect(failure?.message).toContain('no-such-model');
    });
  });
});

suite('a real model server', ['python'], () => {
  byEach((mode, connection) => {
    test('gives text, finish reason and its own counts', async () => {
      const answer = await connection().ask(mode, real);
      expect(answer).toMatchObject({ finish: 'length', completionTokens: 12 });
      expect(answer.text).not.toBe('');
      expect(answer.promptTokens).toBeGreaterThan(10);
      if (mode === 'stream') expect(answer.pieces).toBeGreaterThan(1);
    });
  });
});
