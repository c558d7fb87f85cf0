import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSimulatorServer, type SimulatorServer } from '../../src/simulator/server.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { grpcLeaver, jsonLeaver, type Leaver, type OpenCall } from '../support/leavers.ts';

// However a call ends it leaves one record, whose counts are those of the provider's own ledger wherever it told them.

/** What is known of an attempt's usage: the provider's own count, of all or so far; of the prompt alone; a guess; or nothing was consumed. */
type Known = 'told' | 'told so far' | 'prompt told' | 'guessed' | 'none';
type Attempts = readonly (readonly [outcome: string, usage: Known])[];

interface Story {
  readonly name: string;
  /** The rest of the route, in YAML. */
  readonly route: string;
  readonly attempts: Attempts;
  readonly outcome: string;
  /** Where an answer that is not streamed ends otherwise; null where there is no such thing. */
  readonly whole?: { readonly attempts: Attempts } | null;
  readonly leave?: (call: OpenCall, simulator: SimulatorServer) => boolean;
}

const target = (provider: string, knobs: string, more = '') =>
  `{ provider: ${provider}, model: "sim:${knobs}"${more === '' ? '' : `, ${more}`} }`;
const targets = (...list: readonly string[]) => `targets: [${list.join(', ')}]`;
const onceAsked = (_: OpenCall, simulator: SimulatorServer) => simulator.requests().open > 0;
const amid = ({ pieces }: OpenCall) => pieces >= 4;

const stories: readonly Story[] = [
  ...['openai', 'claude', 'gem'].map((provider) => ({
    name: `whole, ${provider}`,
    route: targets(target(provider, 'tokens=12')),
    attempts: [['ok', 'told']] as const,
    outcome: 'ok',
  })),
  {
    name: 'cached and reasoned',
    route: targets(target('openai', 'tokens=12,cached=5,reasoning=7')),
    attempts: [['ok', 'told']],
    outcome: 'ok',
  },
  {
    name: 'failed over',
    route: targets(target('openai', 'fault=503'), target('claude', 'tokens=9', 'priority: 2')),
    attempts: [
      ['failed', 'none'],
      ['ok', 'told'],
    ],
    outcome: 'ok',
  },
  {
    name: 'limited',
    route: targets(target('claude', 'fault=429,retry_after=30'), target('gem', 'tokens=9', 'priority: 2')),
    attempts: [
      ['failed', 'none'],
      ['ok', 'told'],
    ],
    outcome: 'ok',
  },
  {
    name: 'nobody answers',
    route: targets(target('openai', 'fault=500'), target('gem', 'fault=reset', 'priority: 2')),
    attempts: [
      ['failed', 'none'],
      ['failed', 'none'],
    ],
    outcome: 'PROVIDER_UNAVAILABLE',
  },
  {
    name: 'refused',
    route: targets(target('openai', 'fault=400')),
    attempts: [['failed', 'none']],
    outcome: 'PROVIDER_REJECTED',
  },
  {
    name: 'cut',
    route: targets(target('openai', 'tokens=20,tps=500,cut=6')),
    attempts: [['cut', 'guessed']],
    outcome: 'PROVIDER_STREAM_CUT',
  },
  {
    name: 'cut, the prompt told',
    route: targets(target('claude', 'tokens=20,tps=500,cut=6')),
    attempts: [['cut', 'prompt told']],
    outcome: 'PROVIDER_STREAM_CUT',
    whole: { attempts: [['cut', 'guessed']] },
  },
  {
    name: 'stalled',
    route: `timeouts: { idle: 150ms, whole: 150ms }, ${targets(target('gem', 'tokens=20,tps=500,stall=6'))}`,
    attempts: [['timed_out', 'told so far']],
    outcome: 'PROVIDER_TIMEOUT',
    whole: { attempts: [['timed_out', 'guessed']] },
  },
  {
    name: 'silent, and overtaken',
    route: `timeouts: { first_token: 150ms, whole: 150ms }, ${targets(target('openai', 'fault=silent'), target('gem', 'tokens=9', 'priority: 2'))}`,
    attempts: [
      ['timed_out', 'guessed'],
      ['ok', 'told'],
    ],
    outcome: 'ok',
  },
  {
    name: 'hedged, the second won',
    route: `policy: [priority], hedge: { enabled: true, delay: 30ms, budget_ratio: 1 }, ${targets(target('openai', 'ttft=60s'), target('claude', 'tokens=9'))}`,
    attempts: [
      ['cancelled', 'guessed'],
      ['ok', 'told'],
    ],
    outcome: 'ok',
    whole: {
      attempts: [
        ['ok', 'told'],
        ['cancelled', 'guessed'],
      ],
    },
  },
  {
    name: 'hedged, the first won',
    route: `policy: [priority], hedge: { enabled: true, delay: 30ms, budget_ratio: 1 }, ${targets(target('openai', 'ttft=400ms,tokens=9'), target('claude', 'ttft=60s'))}`,
    attempts: [
      ['cancelled', 'guessed'],
      ['ok', 'told'],
    ],
    outcome: 'ok',
    whole: {
      attempts: [
        ['ok', 'told'],
        ['cancelled', 'guessed'],
      ],
    },
  },
  ...(['restart', 'continue'] as const).map((mode) => ({
    name: `recovered by ${mode}`,
    route: `recovery: { mode: ${mode} }, ${targets(target('openai', 'echo,tps=500,cut=6'), target('gem', 'echo', 'priority: 2'))}`,
    attempts: [
      ['cut', 'guessed'],
      ['ok', 'told'],
    ] as const,
    outcome: 'ok',
  })),
  {
    name: 'left before the first token',
    route: targets(target('openai', 'ttft=60s')),
    attempts: [['cancelled', 'guessed']],
    outcome: 'CANCELLED',
    leave: onceAsked,
  },
  {
    name: 'left amid the answer',
    route: targets(target('gem', 'tokens=2000,tps=200')),
    attempts: [['cancelled', 'told so far']],
    outcome: 'CANCELLED',
    whole: null,
    leave: amid,
  },
  {
    name: 'left amid the answer, the prompt told',
    route: targets(target('claude', 'tokens=2000,tps=200')),
    attempts: [['cancelled', 'prompt told']],
    outcome: 'CANCELLED',
    whole: null,
    leave: amid,
  },
  {
    name: 'left while hedged',
    route: `policy: [priority], hedge: { enabled: true, delay: 5ms, budget_ratio: 1 }, ${targets(target('openai', 'ttft=60s'), target('claude', 'ttft=61s'))}`,
    attempts: [
      ['cancelled', 'guessed'],
      ['cancelled', 'guessed'],
    ],
    outcome: 'CANCELLED',
    leave: (_, simulator) => simulator.requests().open === 2,
  },
  { name: 'nobody to ask', route: 'targets: []', attempts: [], outcome: 'MODEL_NOT_FOUND' },
];

/** Where each provider's dialect is asked; no story has two targets at one. */
const pathOf: Readonly<Record<string, string>> = {
  openai: '/chat/completions',
  claude: '/messages',
  gem: 'enerateContent',
};

const routeOf = (at: number) => `story-${at}`;

const yaml = (port: number) => `
providers:
  openai: { type: openai, base_url: "http://127.0.0.1:${port}/v1", api_keys: [k] }
  claude: { type: anthropic, base_url: "http://127.0.0.1:${port}", api_keys: [k], prefill: true }
  gem: { type: gemini, base_url: "http://127.0.0.1:${port}", api_keys: [k], prefill: true }
balancer:
  retry: { max: 0 }
  breaker: { consecutive: 1000, min_requests: 1000 }
models:
${stories.flatMap(({ route }, at) => (route === 'targets: []' ? [] : `  - { name: ${routeOf(at)}, ${route} }`)).join('\n')}
`;

interface AttemptLine {
  readonly provider: string;
  readonly model: string;
  readonly outcome: string;
  readonly status: number;
  readonly duration_ms: number;
  readonly prompt_tokens?: number;
  readonly completion_tokens?: number;
  readonly usage_partial?: boolean;
  readonly usage_estimated?: boolean;
}

interface CallLine extends Omit<AttemptLine, 'status'> {
  readonly attempts?: readonly AttemptLine[];
  readonly first_token_ms?: number;
  readonly code: string;
}

const total = (lines: readonly AttemptLine[], field: 'prompt_tokens' | 'completion_tokens'): number =>
  lines.reduce((sum, line) => sum + (line[field] ?? 0), 0);

interface CallerRow {
  readonly name: string;
  readonly leaverOf: (port: number) => Leaver;
  readonly stream: boolean;
  readonly lanes: boolean;
}

const callers: readonly CallerRow[] = [
  { name: 'JSON, streamed', leaverOf: jsonLeaver, stream: true, lanes: true },
  { name: 'JSON, whole', leaverOf: jsonLeaver, stream: false, lanes: true },
  { name: 'gRPC, streamed', leaverOf: grpcLeaver, stream: true, lanes: true },
  { name: 'gRPC, whole', leaverOf: grpcLeaver, stream: false, lanes: true },
  { name: 'gRPC without lanes, streamed', leaverOf: grpcLeaver, stream: true, lanes: false },
  { name: 'gRPC without lanes, whole', leaverOf: grpcLeaver, stream: false, lanes: false },
];

describe.each(callers)('$name', ({ leaverOf, stream, lanes }) => {
  let simulator: SimulatorServer;
  let gateway: TestGateway;
  let leaver: Leaver;
  const told = { prompt: 0, completion: 0 };
  const ledger = { prompt: 0, completion: 0 };
  let asked = 0;

  beforeAll(async () => {
    simulator = await createSimulatorServer();
    gateway = await startGateway(`server: { lanes: ${lanes} }\n${yaml(simulator.port)}`);
    leaver = leaverOf(gateway.port);
  });
  afterAll(async () => {
    leaver?.close();
    await gateway?.stop();
    await simulator?.close();
  });

  const lines = () => gateway.log.filter(({ msg }) => msg === 'call') as unknown as CallLine[];

  const mine = stories.map((story, at) => ({ ...story, at })).filter(({ whole }) => stream || whole !== null);
  test.each(mine)('$name', async ({ at, leave, attempts, outcome, whole }) => {
    simulator.reset();
    asked++;
    const call = leaver.call(routeOf(at), stream);
    if (leave !== undefined) {
      await expect.poll(() => leave(call, simulator), { interval: 1 }).toBe(true);
      call.leave();
    }
    await call.over;
    await expect.poll(() => lines().length, { interval: 1 }).toBe(asked);
    await expect.poll(() => simulator.requests().open, { interval: 1 }).toBe(0);

    const line = lines().at(-1);
    if (line === undefined) throw new Error('no record');
    const expected = (stream ? undefined : whole?.attempts) ?? attempts;
    expect(line.outcome).toBe(outcome);
    const made = line.attempts ?? [];
    expect(made.map((attempt) => attempt.outcome)).toEqual(expected.map(([how]) => how));
    const seen = simulator.requests().requests;
    expect(made).toHaveLength(seen.length);
    made.forEach((attempt, i) => {
      const entry = seen.find(({ path }) => path.includes(pathOf[attempt.provider] ?? '?'));
      const known = expected[i]?.[1];
      const { usage_partial = false, usage_estimated = false, prompt_tokens, completion_tokens } = attempt;
      switch (known) {
        case 'told':
          expect([usage_partial, usage_estimated]).toEqual([false, false]);
          expect([prompt_tokens, completion_tokens]).toEqual([entry?.prompt_tokens, entry?.completion_tokens]);
          told.prompt += prompt_tokens ?? 0;
          told.completion += completion_tokens ?? 0;
          break;
        case 'told so far':
          expect([usage_partial, usage_estimated]).toEqual([true, false]);
          expect(prompt_tokens).toBe(entry?.prompt_tokens);
          break;
        case 'prompt told':
          expect([usage_partial, usage_estimated]).toEqual([true, true]);
          expect(prompt_tokens).toBe(entry?.prompt_tokens);
          break;
        case 'guessed':
          expect([usage_partial, usage_estimated]).toEqual([true, true]);
          expect(prompt_tokens).toBeGreaterThan(0);
          break;
        default:
          expect(prompt_tokens).toBeUndefined();
      }
      if (known !== 'none') expect(completion_tokens).toBeLessThanOrEqual(Math.max(entry?.completion_tokens ?? 0, 1));
      expect(attempt.duration_ms).toBeLessThanOrEqual(Math.ceil(line.duration_ms));
    });
    const { usage } = simulator.requests();
    ledger.prompt += usage.prompt_tokens;
    ledger.completion += usage.completion_tokens;

    const served = made.find((attempt) => attempt.outcome === 'ok');
    if (served !== undefined) {
      expect([line.provider, line.model]).toEqual([served.provider, served.model]);
      expect(line.completion_tokens).toBeGreaterThanOrEqual(served.completion_tokens ?? 0);
      expect(line.usage_partial).toBeUndefined();
    } else if (made.some(({ prompt_tokens }) => prompt_tokens !== undefined)) {
      expect(line.prompt_tokens).toBe(total(made, 'prompt_tokens'));
      expect(line.completion_tokens).toBe(total(made, 'completion_tokens'));
      expect(line.usage_partial).toBe(true);
    } else expect(line.prompt_tokens).toBeUndefined();
    if (line.first_token_ms !== undefined) expect(line.first_token_ms).toBeLessThanOrEqual(line.duration_ms);
    expect(line.first_token_ms !== undefined).toBe(
      stream ? call.pieces > 0 && !firstIsError(line) : served !== undefined,
    );
  });

  test('sums are those of the ledger, and of the metrics', async () => {
    expect(told).toEqual(ledger);
    const attempts = lines().flatMap((line) => line.attempts ?? []);
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    const sum = (pattern: RegExp) => [...text.matchAll(pattern)].reduce((all, [, n]) => all + Number(n), 0);
    expect(sum(/^llmbridge_tokens_total\{.*type="prompt".*\} (\d+)$/gm)).toBe(total(attempts, 'prompt_tokens'));
    expect(sum(/^llmbridge_tokens_total\{.*type="completion".*\} (\d+)$/gm)).toBe(total(attempts, 'completion_tokens'));
    expect(sum(/^llmbridge_upstream_attempts_total\{.*\} (\d+)$/gm)).toBe(attempts.length);
    expect(sum(/^llmbridge_requests_total\{.*ChatCompletion.*\} (\d+)$/gm)).toBe(asked);
    expect(sum(/^llmbridge_requests_in_flight\{.*ChatCompletion.*\} (\d+)$/gm)).toBe(0);
  });
});

/** A stream whose first piece is its failure has no first token. */
const firstIsError = ({ outcome, attempts = [] }: CallLine): boolean =>
  outcome !== 'ok' && !attempts.some(({ completion_tokens = 0 }) => completion_tokens > 0);
