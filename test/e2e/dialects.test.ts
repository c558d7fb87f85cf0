import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSimulatorServer, type SimulatorServer } from '../../src/simulator/server.ts';
import { surfaces } from '../clients/surfaces.ts';
import { dialectCallers } from '../support/dialect-callers.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { simulatedDialects } from '../support/simulated-dialects.ts';

// One caller's request through every provider's dialect: the gateway in front of one simulator that speaks them all.

/** An instance for each dialect, all of them at one address. */
const instances = (port: number): string =>
  simulatedDialects
    .map(({ name, type, basePath, options }) => {
      const members = { type: type.type, base_url: `http://127.0.0.1:${port}${basePath}`, api_keys: ['k'], ...options };
      return `  ${name}: ${JSON.stringify(members)}`;
    })
    .join('\n');

let simulator: SimulatorServer;
let gateway: TestGateway;
/** Does not wait for what has fallen silent; a slow machine must not make it give up on anything else. */
let impatient: TestGateway;
const start = (idle = '10s') =>
  startGateway(`
providers:
${instances(simulator.port)}
balancer: { timeouts: { first_token: 10s, idle: ${idle} }, retry: { backoff: 1ms, max_backoff: 2ms } }
`);

beforeAll(async () => {
  simulator = await createSimulatorServer();
  gateway = await start();
  impatient = await start('200ms');
});
afterAll(async () => {
  await gateway.stop();
  await impatient.stop();
  await simulator.close();
});

const schemaOf = (property: string): string =>
  JSON.stringify({ type: 'object', properties: { [property]: { type: 'string' } }, required: [property] });
const tools = { get_weather: schemaOf('city'), get_time: schemaOf('timezone') };

const placeSchema = JSON.stringify({
  type: 'object',
  properties: { city: { type: 'string' }, kind: { type: 'string', enum: ['capital'] } },
  required: ['city', 'kind'],
  additionalProperties: false,
});

const bothSurfaces = surfaces.filter(({ name }) => name === 'gRPC' || name === 'OpenAI-shaped JSON');

const thought = 'The user asked something,';

describe.each(simulatedDialects)('through $name', ({ name, model, lacks }) => {
  const named = (knobs: string) => `${name}/${model}:${knobs}`;

  describe.each(dialectCallers)('over $name', ({ ask }) => {
    describe.each([
      ['whole', false],
      ['streamed', true],
    ])('%s', (_, stream) => {
      test('plain text', async () => {
        const question = { model: named('echo'), content: 'one two three' };
        expect(await ask(gateway.port, stream, question)).toEqual([
          { text: 'one two three', reasoning: '', calls: [], finish: 'stop', completionTokens: 3 },
        ]);
      });

      test('reasoning', async () => {
        const question = { model: named('echo,reasoning=4'), content: 'one two three' };
        expect(await ask(gateway.port, stream, question)).toEqual([
          { text: 'one two three', reasoning: thought, calls: [], finish: 'stop', completionTokens: 7 },
        ]);
      });

      test('calls of tools', async () => {
        const question = { model: named('reasoning=4'), content: 'Use get_weather and get_time', tools };
        expect(await ask(gateway.port, stream, question)).toEqual([
          {
            text: '',
            reasoning: thought,
            calls: [
              { name: 'get_weather', input: { city: 'Paris' } },
              { name: 'get_time', input: { timezone: 'Europe/Paris' } },
            ],
            finish: 'tool_calls',
            completionTokens: 8,
          },
        ]);
      });

      test('an answer that fits a schema', async () => {
        const question = { model: named('seed=1'), content: 'Where?', schema: placeSchema };
        const [answer] = await ask(gateway.port, stream, question);
        expect(JSON.parse(answer?.text ?? '')).toEqual({ city: 'Paris', kind: 'capital' });
      });
    });

    test('a conversation with calls, reasoning and its proof, to its end', async () => {
      const question = { model: named('reasoning=4'), content: 'Use get_weather and get_time', tools };
      const answers = await ask(gateway.port, false, question, 'sunny at noon');
      expect(answers.map(({ finish }) => finish)).toEqual(['tool_calls', 'stop']);
      expect(answers[1]?.text).toMatch(/The tool answered: .*sunny at noon/);
    });
  });

  // Each call asks another model, as far as the gateway knows: none is met by what an earlier one broke.
  let seed = 0;
  const fresh = (knobs: string) => named(`${knobs},seed=${seed++}`);

  describe.each(bothSurfaces)('$name', (surface) => {
    describe.each([
      ['whole', false],
      ['streamed', true],
    ])('%s', (_, stream) => {
      test.each([
        ['fault=429,retry_after=7', 'RESOURCE_EXHAUSTED', 'PROVIDER_RATE_LIMITED', 429, 'rate_limit_error'],
        ['fault=500', 'UNAVAILABLE', 'PROVIDER_UNAVAILABLE', 503, 'api_error'],
        ['fault=529', 'UNAVAILABLE', 'PROVIDER_UNAVAILABLE', 503, 'api_error'],
        ['fault=reset', 'UNAVAILABLE', 'PROVIDER_UNAVAILABLE', 503, 'api_error'],
        ['fault=malformed', 'UNAVAILABLE', 'PROVIDER_MALFORMED', 503, 'api_error'],
        ['fault=422', 'INVALID_ARGUMENT', 'PROVIDER_REJECTED', 400, 'invalid_request_error'],
        ['fault=context', 'INVALID_ARGUMENT', 'CONTEXT_LENGTH_EXCEEDED', 400, 'invalid_request_error'],
      ])('%s is %s', async (knobs, code, reason, status, type) => {
        const told = await surface.fail(gateway.port, stream, { model: fresh(knobs), content: 'Hi' });
        expect(told.text).toBe('');
        if (told.http) expect(told.http).toMatchObject({ status, type });
        else expect({ code: told.code, reason: told.reason }).toEqual({ code, reason });
        if (knobs.includes('retry_after')) expect(told.retryAfter).toBe(7);
      });
    });

    test.each<[string, string]>([
      ['tokens=20,cut=4', 'PROVIDER_STREAM_CUT'],
      ['tokens=20,malformed=4', 'PROVIDER_MALFORMED'],
      ['tokens=20,fault=500,fault_after=4', 'PROVIDER_UNAVAILABLE'],
      ...(lacks.includes('end mark') ? [] : [['tokens=20,no_done', 'PROVIDER_STREAM_CUT'] as [string, string]]),
    ])('a stream with %s is never a clean end', async (knobs, reason) => {
      const told = await surface.fail(gateway.port, true, { model: fresh(knobs), content: 'Hi' });
      expect(told.text).not.toBe('');
      if (told.http) expect(told.http).toEqual({ status: 200, type: 'api_error', code: reason.toLowerCase() });
      else expect({ code: told.code, reason: told.reason }).toEqual({ code: 'UNAVAILABLE', reason });
    });

    test('a stream that falls silent ends as a timeout', async () => {
      const told = await surface.fail(impatient.port, true, { model: fresh('tokens=20,stall=4'), content: 'Hi' });
      expect(told.text).not.toBe('');
      if (told.http) expect(told.http).toEqual({ status: 200, type: 'timeout', code: 'provider_timeout' });
      else expect(told).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'PROVIDER_TIMEOUT' });
    });

    test('a whole answer that breaks off is none', async () => {
      const told = await surface.fail(gateway.port, false, { model: fresh('cut=2'), content: 'Hi' });
      if (told.http) expect(told.http.status).toBe(503);
      else expect(told.code).toBe('UNAVAILABLE');
    });
  });

  test('tokens of a cache', async () => {
    if (lacks.includes('cached')) return;
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: named('cached=3,tokens=2'), messages: [{ role: 'user', content: 'one two' }] }),
    });
    expect(await response.json()).toMatchObject({
      usage: { prompt_tokens: 6, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 3 } },
    });
  });

  test('a key of ours that is refused is no fault of the caller’s', async () => {
    const own = await start();
    try {
      for (const surface of bothSurfaces) {
        const told = await surface.fail(own.port, false, { model: named('fault=401'), content: 'Hi' });
        if (told.http) expect(told.http).toMatchObject({ status: 500, type: 'api_error' });
        else expect(told).toMatchObject({ code: 'INTERNAL', reason: 'PROVIDER_CREDENTIAL' });
      }
    } finally {
      await own.stop();
    }
  });
});
