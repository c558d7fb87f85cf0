import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSimulatorServer, type SimulatorServer } from '../../src/simulator/server.ts';
import { type FailingRequest, surfaces } from '../clients/surfaces.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';

// Each cause of a failure, on every protocol, before and after the first streamed byte.

interface Expected {
  readonly code: string;
  readonly reason: string;
  readonly status: number;
  readonly type: string;
  readonly openai: string | null;
  readonly says?: string;
  readonly field?: string;
  readonly retryAfter?: number;
}

const hello = 'Hello';

const table: readonly [cause: string, request: FailingRequest, expected: Expected][] = [
  [
    'a bad field',
    { model: 'sim', content: undefined },
    {
      code: 'INVALID_ARGUMENT',
      reason: 'FIELD_INVALID',
      status: 400,
      type: 'invalid_request_error',
      openai: null,
      field: 'messages',
    },
  ],
  [
    'an unknown model',
    { model: 'no-such-model', content: hello },
    {
      code: 'NOT_FOUND',
      reason: 'MODEL_NOT_FOUND',
      status: 404,
      type: 'invalid_request_error',
      openai: 'model_not_found',
      says: 'no-such-model',
    },
  ],
  [
    'a provider without its key',
    { model: 'keyless/gpt-4o', content: hello },
    {
      code: 'FAILED_PRECONDITION',
      reason: 'PROVIDER_KEY_MISSING',
      status: 400,
      type: 'invalid_request_error',
      openai: 'provider_key_missing',
      says: 'OPENAI_API_KEY',
    },
  ],
  [
    "the provider's rate limit",
    { model: 'sim/sim:fault=429,retry_after=7', content: hello },
    {
      code: 'RESOURCE_EXHAUSTED',
      reason: 'PROVIDER_RATE_LIMITED',
      status: 429,
      type: 'rate_limit_error',
      openai: 'provider_rate_limit_exceeded',
      retryAfter: 7,
    },
  ],
  [
    'a context too long',
    { model: 'sim/sim:fault=context', content: hello },
    {
      code: 'INVALID_ARGUMENT',
      reason: 'CONTEXT_LENGTH_EXCEEDED',
      status: 400,
      type: 'invalid_request_error',
      openai: 'context_length_exceeded',
    },
  ],
  [
    'content that the provider refuses',
    { model: 'sim/sim:fault=content', content: hello },
    {
      code: 'INVALID_ARGUMENT',
      reason: 'CONTENT_REJECTED',
      status: 400,
      type: 'invalid_request_error',
      openai: 'content_policy_violation',
    },
  ],
  [
    'a request that the provider refuses',
    { model: 'sim/sim:fault=422', content: hello },
    {
      code: 'INVALID_ARGUMENT',
      reason: 'PROVIDER_REJECTED',
      status: 400,
      type: 'invalid_request_error',
      // The provider's own word, where it has one.
      openai: 'invalid_request_error',
    },
  ],
  [
    'a key of ours that the provider refuses',
    { model: 'sim/sim:fault=401', content: hello },
    {
      code: 'INTERNAL',
      reason: 'PROVIDER_CREDENTIAL',
      status: 500,
      type: 'api_error',
      openai: 'provider_credential',
    },
  ],
  [
    'a failing provider',
    { model: 'sim/sim:fault=500', content: hello },
    {
      code: 'UNAVAILABLE',
      reason: 'PROVIDER_UNAVAILABLE',
      status: 503,
      type: 'api_error',
      openai: 'provider_unavailable',
    },
  ],
  [
    'a provider that hangs up',
    { model: 'sim/sim:fault=reset', content: hello },
    {
      code: 'UNAVAILABLE',
      reason: 'PROVIDER_UNAVAILABLE',
      status: 503,
      type: 'api_error',
      openai: 'provider_unavailable',
    },
  ],
  [
    'a provider that is not there',
    { model: 'nobody/any', content: hello },
    {
      code: 'UNAVAILABLE',
      reason: 'PROVIDER_UNAVAILABLE',
      status: 503,
      type: 'api_error',
      openai: 'provider_unavailable',
    },
  ],
  [
    'a provider that says nothing',
    { model: 'sim/sim:fault=silent', content: hello },
    {
      code: 'DEADLINE_EXCEEDED',
      reason: 'PROVIDER_TIMEOUT',
      status: 504,
      type: 'timeout',
      openai: 'provider_timeout',
    },
  ],
  [
    'a request too large',
    { model: 'sim', content: 'x'.repeat(100_000) },
    {
      code: 'RESOURCE_EXHAUSTED',
      reason: 'TOO_LARGE',
      status: 413,
      type: 'invalid_request_error',
      openai: 'request_too_large',
    },
  ],
];

describe('the error table', () => {
  let gateway: TestGateway;
  let remote: SimulatorServer;

  beforeAll(async () => {
    remote = await createSimulatorServer();
    gateway = await startGateway(`
server: { max_request_bytes: 64KiB }
providers:
  sim: { type: simulator, models: [sim] }
  keyless: { type: openai, api_keys: ["\${OPENAI_API_KEY:-}"] }
  remote: { type: openai-compatible, base_url: "http://127.0.0.1:${remote.port}/v1" }
  nobody: { type: openai-compatible, base_url: "http://127.0.0.1:1/v1" }
balancer: { timeouts: { connect: 500ms, first_token: 500ms, idle: 500ms } }
`);
  });
  afterAll(async () => {
    await gateway?.stop();
    await remote?.close();
  });

  for (const surface of surfaces) {
    describe(surface.name, () => {
      describe.each([
        ['whole', false],
        ['streamed', true],
      ])('%s', (_, stream) => {
        test.each(table)('%s', async (_cause, request, expected) => {
          const told = await surface.fail(gateway.port, stream, request);
          expect(told.text).toBe('');
          if (told.http) {
            expect(told.http).toEqual({ status: expected.status, type: expected.type, code: expected.openai });
          } else {
            expect({ code: told.code, reason: told.reason }).toEqual({ code: expected.code, reason: expected.reason });
          }
          if (expected.says !== undefined) expect(told.message).toContain(expected.says);
          if (expected.field !== undefined) expect(told.fields).toContain(expected.field);
          if (expected.retryAfter !== undefined) expect(told.retryAfter).toBe(expected.retryAfter);
        });

        test("the caller's deadline", async () => {
          const request = { model: 'sim/sim:ttft=10s', content: hello, timeoutMs: 200 };
          // The JSON surface has no deadline of the caller's: the provider's is what it meets.
          const told = await surface.fail(gateway.port, stream, request);
          if (told.http) expect(told.http.status).toBe(504);
          else expect(told.code).toBe('DEADLINE_EXCEEDED');
        });
      });

      test.each([
        ['a stream that breaks off', 'sim/sim:tokens=20,cut=4', 'PROVIDER_STREAM_CUT', 'provider_stream_cut'],
        ['an event that is not JSON', 'sim/sim:tokens=20,malformed=4', 'PROVIDER_MALFORMED', 'provider_malformed'],
        ['a socket that closes', 'remote/sim:tokens=20,cut=4', 'PROVIDER_STREAM_CUT', 'provider_stream_cut'],
        [
          'an event of a socket that is not JSON',
          'remote/sim:tokens=20,malformed=4',
          'PROVIDER_MALFORMED',
          'provider_malformed',
        ],
      ])('%s after the first byte is never a clean end', async (_, model, reason, code) => {
        const told = await surface.fail(gateway.port, true, { model, content: hello });
        expect(told.text).not.toBe('');
        if (told.http) expect(told.http).toEqual({ status: 200, type: 'api_error', code });
        else expect({ code: told.code, reason: told.reason }).toEqual({ code: 'UNAVAILABLE', reason });
      });

      test('a stream that falls silent ends as a timeout', async () => {
        const told = await surface.fail(gateway.port, true, { model: 'sim/sim:tokens=20,stall=4', content: hello });
        expect(told.text).not.toBe('');
        if (told.http) expect(told.http).toEqual({ status: 200, type: 'timeout', code: 'provider_timeout' });
        else expect(told.code).toBe('DEADLINE_EXCEEDED');
      });
    });
  }
});
