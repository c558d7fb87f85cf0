import { readFileSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { AttemptOutcome, GatewayReportSchema } from '../../gen/es/llmbridge/v1/report_pb.ts';
import { UsageSchema } from '../../gen/es/llmbridge/v1/usage_pb.ts';
import { Call, type CallInit } from '../kernel/call.ts';
import { Fault, type FaultReason, faults } from '../kernel/fault.ts';
import type { Provider, Route } from '../kernel/provider.ts';
import { createCallMetrics } from './call-metrics.ts';
import { createGatewayEvents } from './gateway-events.ts';
import { createLabels } from './labels.ts';
import { createLogger, type LogLevel } from './logger.ts';
import { createMetrics } from './metrics.ts';
import { createObserver } from './observer.ts';

const chat = '/llmbridge.v1.ChatService/ChatCompletion';

const provider = (name: string, models: string[]): Provider =>
  ({ name, models, disabled: undefined, keys: [], type: { type: name, simulated: false } }) as unknown as Provider;

/** An observer over a clock that the test turns, with what it wrote and counted. */
function observed(level: LogLevel = 'debug') {
  const written: string[] = [];
  const logger = createLogger({ level, destination: { write: (line) => written.push(line) } });
  const alpha = provider('alpha', ['small']);
  const routes: Route[] = [
    { name: 'fast', policy: [], targets: [{ provider: alpha, model: 'large', weight: 1, priority: 1 }] },
  ];
  const metrics = createMetrics({ version: '1.2.3', runtime: false });
  const labels = createLabels({ methods: [chat], providers: [alpha], routes });
  let now = 1000;
  const observer = createObserver({
    logger,
    metrics: createCallMetrics(metrics, labels),
    clock: { now: () => now, wall: () => 0, after: () => () => {} },
  });
  return {
    observer,
    logger,
    written,
    lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>),
    pass: (ms: number) => {
      now += ms;
    },
    scrape: () => metrics.text(),
  };
}

const open = (init: Partial<CallInit> = {}) =>
  new Call({
    id: 'id-1',
    method: chat,
    protocol: 'grpc',
    headers: {},
    address: '192.0.2.1',
    trace: { traceId: 'trace-1', spanId: 'span-1', parentId: '', flags: '01', state: '' },
    startedAt: 1000,
    ...init,
  });

function answered(call: Call, model = 'large'): Call {
  call.requestedModel = 'fast';
  call.principal = { user: 'alice', method: 'api-key', credential: 'laptop' };
  call.firstTokenAt = 1250;
  call.usage = create(UsageSchema, {
    promptTokens: 12,
    completionTokens: 34,
    totalTokens: 46,
    promptTokensDetails: { cachedTokens: 5 },
  });
  call.report = create(GatewayReportSchema, {
    provider: 'alpha',
    model,
    attempts: [
      { provider: 'alpha', model, outcome: AttemptOutcome.FAILED, status: 503, reason: 'PROVIDER_UNAVAILABLE' },
      { provider: 'alpha', model, outcome: AttemptOutcome.OK, status: 200, durationMs: 300 },
    ],
  });
  return call;
}

describe('the line of a call', () => {
  test('says who asked for what, who answered after what, and what it took', () => {
    const { observer, lines, pass } = observed();
    const call = answered(open());
    observer.begin(call);
    pass(400.5);
    observer.end(call, undefined);
    expect(lines()).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        msg: 'call',
        request_id: 'id-1',
        trace_id: 'trace-1',
        method: chat,
        protocol: 'grpc',
        stream: false,
        auth: 'api-key',
        user: 'alice',
        credential: 'laptop',
        address: '192.0.2.1',
        requested_model: 'fast',
        provider: 'alpha',
        model: 'large',
        attempts: [
          {
            provider: 'alpha',
            model: 'large',
            outcome: 'failed',
            status: 503,
            reason: 'PROVIDER_UNAVAILABLE',
            duration_ms: 0,
          },
          { provider: 'alpha', model: 'large', outcome: 'ok', status: 200, duration_ms: 300 },
        ],
        prompt_tokens: 12,
        completion_tokens: 34,
        cached_tokens: 5,
        first_token_ms: 250,
        duration_ms: 400.5,
        outcome: 'ok',
        code: 'OK',
      },
    ]);
  });

  test.each<[FaultReason, string, string]>([
    ['FIELD_INVALID', 'info', 'INVALID_ARGUMENT'],
    ['CANCELLED', 'info', 'CANCELLED'],
    ['PROVIDER_UNAVAILABLE', 'warn', 'UNAVAILABLE'],
    ['PROVIDER_TIMEOUT', 'warn', 'DEADLINE_EXCEEDED'],
    ['PROVIDER_CREDENTIAL', 'error', 'INTERNAL'],
  ])('of %s is a line of level %s', (reason, level, code) => {
    const { observer, lines } = observed();
    const call = open();
    observer.begin(call);
    observer.end(call, new Fault(reason, 'text', { status: 418, providerCode: 'teapot', retryAfterMs: 1500 }));
    expect(lines()).toEqual([
      expect.objectContaining({
        level,
        code,
        outcome: reason,
        provider_status: 418,
        provider_code: 'teapot',
        retry_after_ms: 1500,
      }),
    ]);
  });

  test('says that an answer was simulated, cached, recovered, partial', () => {
    const { observer, lines } = observed();
    const call = answered(open());
    if (call.report)
      Object.assign(call.report, { simulated: true, cacheHit: true, recovered: 'restart', costUsd: 0.1 });
    if (call.usage) Object.assign(call.usage, { partial: true, estimated: true });
    observer.end(call, new Fault('INTERNAL', 'text', { cause: new Error('x'), status: 500 }));
    expect(lines()[0]).toMatchObject({
      simulated: true,
      cache_hit: true,
      recovered: 'restart',
      cost_usd: 0.1,
      usage_partial: true,
      usage_estimated: true,
      error: { name: 'Error' },
    });
    const documented = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
    for (const field of Object.keys(lines()[0] ?? {})) expect(documented).toContain(`\`${field}\``);
  });

  test('of a probe that went well is for debugging only; one that failed is not', () => {
    const { observer, lines } = observed('info');
    for (const method of ['/grpc.health.v1.Health/Check', '/llmbridge.v1.HealthService/CheckHealth']) {
      observer.end(open({ method }), undefined);
      observer.end(open({ method }), new Fault('NOT_FOUND', 'text'));
    }
    expect(lines().map((line) => line['outcome'])).toEqual(['NOT_FOUND', 'NOT_FOUND']);
  });

  test('cuts long names', () => {
    const { observer, written } = observed();
    const call = open({ method: `/${'m'.repeat(5000)}` });
    call.requestedModel = 'x'.repeat(5000);
    observer.end(call, undefined);
    expect(written[0]?.length).toBeLessThan(1000);
  });

  test('tells where an internal error arose, and no word of its text', () => {
    const { observer, lines } = observed();
    const cause = new SyntaxError('Unexpected token in "hello"', {
      cause: Object.assign(new Error('x'), { code: 'E1' }),
    });
    observer.end(open(), Fault.from(cause));
    const error = lines()[0]?.['error'] as { name: string; stack: string[]; cause: { code: string } };
    expect(error.name).toBe('SyntaxError');
    expect(error.stack[0]).toMatch(/^at .*observer\.test\.ts:\d+:\d+/);
    expect(error.cause.code).toBe('E1');
    expect(JSON.stringify(error)).not.toContain('hello');
  });
});

test('no secret and no content reaches a line or a metric', async () => {
  const marker = 'MARKER-c0ffee';
  const { observer, logger, written, scrape } = observed('trace');
  const lying = new Error('short');
  lying.message = 'changed';
  lying.stack = `Error: ${marker}\n    at ${marker} (file.ts:1:1)`;
  const spoofed = new Error(`${marker}\n    at ${marker} (file.ts:1:1)`);
  const named = Object.assign(new Error('x'), { name: `${marker} ${marker}`, code: `${marker} is the key` });
  const coded = new Fault('PROVIDER_REJECTED', marker, {
    providerCode: `bad value "${marker}"`,
    metadata: { value: marker },
    violations: [{ field: marker, description: marker }],
    quota: [{ subject: marker, description: marker }],
    cause: new Error(marker),
  });
  const faultsOfAll = [
    ...(Object.keys(faults) as FaultReason[]).map((reason) => new Fault(reason, marker, { cause: marker })),
    ...[marker, new Error(marker), lying, spoofed, named, { marker }, new Error('x', { cause: marker })].map(
      Fault.from,
    ),
    coded,
  ];
  for (const fault of [undefined, ...faultsOfAll]) {
    const call = open({
      headers: { authorization: `Bearer ${marker}`, 'x-api-key': marker, cookie: [marker], [marker]: marker },
    });
    call.source = { dialect: 'openai', json: `{"messages":[{"content":"${marker}"}]}` };
    call.replyHeaders['x-made-of'] = marker;
    call.usage = create(UsageSchema, { extra: { alpha: marker } });
    call.report = create(GatewayReportSchema, { parameters: [{ name: marker, detail: marker }] });
    observer.begin(call);
    observer.end(call, fault);
  }
  const events = createGatewayEvents(logger);
  for (const { detail } of faultsOfAll) events.failed(detail.cause);
  logger.info({
    headers: { Authorization: marker, 'X-Api-Key': [marker] },
    api_keys: [marker],
    a: { b: { secret: marker } },
  });
  logger.error(new Error(marker), 'text');
  logger.error(new Error(marker));
  logger.error({ err: new Error(marker) });
  logger.error({ problem: { of: Object.assign(new Error(marker), { input: marker }) } }, 'text');

  expect(written.length).toBeGreaterThan(2 * faultsOfAll.length);
  expect(written.join('')).not.toContain(marker);
  expect(await scrape()).not.toContain(marker);
});

describe('the metrics of calls', () => {
  test('count by what the configuration names', async () => {
    const { observer, pass, scrape } = observed();
    const call = answered(open());
    observer.begin(call);
    expect(await scrape()).toContain(
      'llmbridge_requests_in_flight{method="llmbridge.v1.ChatService/ChatCompletion",protocol="grpc"} 1\n',
    );
    pass(400);
    observer.end(call, undefined);
    const text = await scrape();
    const method = 'method="llmbridge.v1.ChatService/ChatCompletion"';
    const target = 'provider="alpha",model="large"';
    for (const line of [
      `llmbridge_requests_in_flight{${method},protocol="grpc"} 0`,
      `llmbridge_requests_total{${method},protocol="grpc",${target},outcome="ok"} 1`,
      `llmbridge_request_duration_seconds_sum{${method},${target}} 0.4`,
      `llmbridge_time_to_first_token_seconds_sum{${target}} 0.25`,
      `llmbridge_tokens_total{${target},type="prompt"} 12`,
      `llmbridge_tokens_total{${target},type="completion"} 34`,
      `llmbridge_tokens_total{${target},type="cached_prompt"} 5`,
      `llmbridge_upstream_attempts_total{${target},outcome="failed",reason="PROVIDER_UNAVAILABLE"} 1`,
      `llmbridge_upstream_attempts_total{${target},outcome="ok",reason="none"} 1`,
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  test('let a call leave the gauge where it entered, whatever its method turned out to be', async () => {
    const { observer, scrape } = observed();
    const call = open();
    observer.begin(call);
    call.method = '/llmbridge.v1.ChatService/StreamChatCompletion';
    observer.end(call, undefined);
    const lines = (await scrape()).split('\n').filter((line) => line.startsWith('llmbridge_requests_in_flight{'));
    expect(lines.map((line) => line.split(' ').at(-1))).toEqual(['0']);
  });

  test('count the tokens of each attempt once, and none of a cached answer', async () => {
    const { observer, scrape } = observed();
    const retried = answered(open());
    for (const attempt of retried.report?.attempts ?? []) attempt.usage = create(UsageSchema, { promptTokens: 7 });
    observer.end(retried, undefined);
    const cached = answered(open());
    if (cached.report) Object.assign(cached.report, { cacheHit: true, attempts: [] });
    observer.end(cached, undefined);
    expect(await scrape()).toContain('llmbridge_tokens_total{provider="alpha",model="large",type="prompt"} 14\n');
  });

  test('never grow by what callers make up', async () => {
    const { observer, scrape } = observed();
    const run = (name: string, fault: Fault | undefined) => {
      const asked = open({ method: `/made.up/${name}` });
      asked.requestedModel = name;
      observer.begin(asked);
      observer.end(asked, fault);
      const reached = answered(open(), name);
      const [attempt] = reached.report?.attempts ?? [];
      if (attempt) attempt.reason = name;
      observer.begin(reached);
      observer.end(reached, fault);
    };
    run('one', undefined);
    const before = (await scrape()).split('\n').length;
    for (let i = 0; i < 100; i++) run(`made-up-${i}`, undefined);
    run('toString', undefined);
    const text = await scrape();
    expect(text.split('\n')).toHaveLength(before);
    expect(text).toContain('method="unknown"');
    expect(text).toContain('model="other"');
    expect(text).not.toContain('made-up');
  });
});
