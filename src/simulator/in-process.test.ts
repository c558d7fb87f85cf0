import { expect, test } from 'vitest';
import { createSimulatorUpstream } from './in-process.ts';
import { ask, contentOf, eventsOf, type Heard, user } from './testing/ask.ts';
import { ManualClock } from './testing/manual-clock.ts';

const turn = () => new Promise<void>((resolve) => queueMicrotask(resolve));

/** Asks with time standing still and lets microtasks run. */
async function hear(body: object, clock = new ManualClock()): Promise<Heard> {
  const heard = ask(createSimulatorUpstream({ clock }), body);
  await turn();
  return heard;
}

interface Completion {
  readonly choices: {
    readonly message: {
      readonly content: string | null;
      readonly reasoning_content?: string;
      readonly tool_calls?: { readonly function: { readonly name: string; readonly arguments: string } }[];
    };
    readonly logprobs: { readonly content: { readonly token: string; readonly top_logprobs: unknown[] }[] } | null;
    readonly finish_reason: string;
  }[];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number };
  readonly error: { readonly message: string; readonly code: string; readonly type: string; readonly param: string };
}

async function complete(body: object): Promise<Completion> {
  return JSON.parse((await hear({ model: 'sim', messages: user('Hello there'), ...body })).text) as Completion;
}

const contentOfWhole = (completion: Completion): string => completion.choices[0]?.message.content ?? '';

test('nothing is heard before send has returned; then head, data, end', async () => {
  const heard = ask(createSimulatorUpstream(), { model: 'sim', messages: user('Hi') });
  expect(heard.events).toEqual([]);
  await turn();
  expect(heard.events).toEqual(['head 200', 'data', 'end']);
  expect(heard.headers['content-type']).toBe('application/json');
});

test('the answer says that it is simulated, quotes the user, and answers Chinese in Chinese', async () => {
  expect(contentOfWhole(await complete({}))).toMatch(/simulated.*Hello there/);
  expect(contentOfWhole(await complete({ messages: user('你好，世界') }))).toMatch(/模拟.*你好，世界/);
});

test('the same request gives the same answer; another seed, or text, another', async () => {
  const clock = () => new ManualClock();
  const body = { model: 'sim', messages: user('Hi'), seed: 1, stream: true };
  expect((await hear(body, clock())).text).toBe((await hear(body, clock())).text);
  const texts = await Promise.all(Array.from({ length: 8 }, (_, seed) => complete({ seed })));
  expect(new Set(texts.map(contentOfWhole)).size).toBeGreaterThan(1);
});

test('streamed and whole say the same, token by token', async () => {
  const body = { model: 'sim', messages: user('Hi'), n: 2, stream_options: { include_usage: true } };
  const whole = JSON.parse((await hear(body)).text) as Completion;
  const stream = await hear({ ...body, stream: true });
  expect(contentOf(stream.text)).toBe(whole.choices[0]?.message.content);
  expect(contentOf(stream.text, 1)).toBe(whole.choices[1]?.message.content);
  const events = eventsOf(stream.text);
  expect(events.at(-1)).toBe('[DONE]');
  expect(events.at(-2)).toMatchObject({ choices: [], usage: whole.usage });
  expect(stream.events.filter((event) => event === 'data')).toHaveLength(events.length);
  // Two roles, the tokens, two finish reasons, usage, [DONE].
  expect(events).toHaveLength(whole.usage.completion_tokens + 6);
});

test('usage counts words and four for each message', async () => {
  const { usage } = await complete({ model: 'sim:tokens=9' });
  expect(usage).toMatchObject({ prompt_tokens: 6, completion_tokens: 9, total_tokens: 15 });
});

test('max_tokens cuts, and says so; reasoning counts', async () => {
  const cut = await complete({ max_tokens: 3 });
  expect(cut.choices[0]?.finish_reason).toBe('length');
  expect(cut.usage.completion_tokens).toBe(3);
  const thinking = await complete({ model: 'sim:reasoning=5', max_completion_tokens: 7, max_tokens: 1 });
  expect(thinking.usage).toMatchObject({ completion_tokens: 7, completion_tokens_details: { reasoning_tokens: 5 } });
  expect(thinking.choices[0]?.message.reasoning_content?.split(' ')).toHaveLength(5);
  expect((await complete({ model: 'sim:tokens=4', max_tokens: 4 })).choices[0]?.finish_reason).toBe('stop');
});

test('stop sequences end the answer and are not part of it', async () => {
  const { choices } = await complete({
    model: 'sim:echo',
    messages: user('one two three four'),
    stop: ['three', ' four'],
  });
  expect(choices[0]).toMatchObject({ message: { content: 'one two ' }, finish_reason: 'stop' });
});

const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const time = { type: 'function', function: { name: 'get_time' } };
const tools = [weather, time];
const called = ({ choices }: Completion) => choices[0]?.message.tool_calls?.map((call) => call.function.name) ?? [];

test('tools are called when forced, when named, or when a knob says so', async () => {
  expect(called(await complete({ tools }))).toEqual([]);
  expect(called(await complete({ tools, tool_choice: 'required' }))).toEqual(['get_weather']);
  expect(called(await complete({ tools, tool_choice: { type: 'function', function: { name: 'get_time' } } }))).toEqual([
    'get_time',
  ]);
  expect(called(await complete({ tools, messages: user('Please get weather now') }))).toEqual(['get_weather']);
  expect(called(await complete({ tools, messages: user('Use get_time and get_weather') }))).toEqual([
    'get_weather',
    'get_time',
  ]);
  expect(called(await complete({ tools, parallel_tool_calls: false, model: 'sim:call=all' }))).toEqual(['get_weather']);
  expect(called(await complete({ tools, model: 'sim:call=get_time' }))).toEqual(['get_time']);
  expect(called(await complete({ tools, model: 'sim:call=all', tool_choice: 'none' }))).toEqual([]);
});

test('a call has arguments of its schema; after the result comes text', async () => {
  const completion = await complete({ tools, tool_choice: 'required' });
  expect(JSON.parse(completion.choices[0]?.message.tool_calls?.[0]?.function.arguments ?? '')).toEqual({
    city: 'Paris',
  });
  expect(completion.choices[0]?.finish_reason).toBe('tool_calls');
  const after = await complete({
    tools,
    tool_choice: 'required',
    messages: [
      ...user('Hi'),
      { role: 'assistant', content: null },
      { role: 'tool', tool_call_id: 'c', content: '21 degrees' },
    ],
  });
  expect(contentOfWhole(after)).toContain('21 degrees');
});

test('streamed calls: name first, then pieces of the arguments', async () => {
  const { text } = await hear({ model: 'sim', messages: user('Hi'), tools, tool_choice: 'required', stream: true });
  const calls = eventsOf(text).flatMap(
    (event) => (event as { choices?: { delta: { tool_calls?: object[] } }[] }).choices?.[0]?.delta.tool_calls ?? [],
  );
  expect(calls[0]).toMatchObject({ index: 0, type: 'function', function: { name: 'get_weather', arguments: '' } });
  const pieces = calls.slice(1) as { function: { arguments: string } }[];
  expect(pieces.map((piece) => piece.function.arguments).join('')).toBe('{"city": "Paris"}');
});

test('JSON when asked for, by schema when there is one', async () => {
  const json = await complete({ response_format: { type: 'json_object' } });
  expect(JSON.parse(contentOfWhole(json))).toMatchObject({ simulated: true });
  const schema = { type: 'object', properties: { n: { type: 'integer', minimum: 7, maximum: 7 } }, required: ['n'] };
  const fitted = await complete({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } });
  expect(JSON.parse(contentOfWhole(fitted))).toEqual({ n: 7 });
});

test('log probabilities for every token', async () => {
  const { choices } = await complete({ model: 'sim:tokens=2', logprobs: true, top_logprobs: 3 });
  expect(choices[0]?.logprobs?.content).toHaveLength(2);
  expect(choices[0]?.logprobs?.content[0]?.top_logprobs).toHaveLength(3);
});

test.each([
  [{ model: 'other' }, 404, 'model_not_found'],
  [{ model: 'constructor' }, 404, 'model_not_found'],
  [{ messages: undefined }, 400, 'missing_required_parameter'],
  [{ messages: [] }, 400, 'empty_array'],
  [{ messages: 'Hi' }, 400, 'invalid_type'],
  [{ messages: [{ role: 'robot', content: 'x' }] }, 400, 'invalid_value'],
  [{ messages: [{ role: 'user' }] }, 400, 'invalid_type'],
  [{ temperature: 3 }, 400, 'invalid_value'],
  [{ n: 1.5 }, 400, 'invalid_type'],
  [{ max_tokens: 0 }, 400, 'invalid_value'],
  [{ model: 'sim:bogus' }, 400, 'invalid_knob'],
  [{ tools: [{}] }, 400, 'missing_required_parameter'],
  [{ tool_choice: { type: 'function', function: { name: 'f' } } }, 400, null],
])('refused: %j', async (body, status, code) => {
  const heard = await hear({ model: 'sim', messages: user('Hi'), ...body });
  expect(heard.events).toEqual([`head ${status}`, 'data', 'end']);
  expect((JSON.parse(heard.text) as Completion).error).toMatchObject({ type: 'invalid_request_error', code });
});

test('further models answer, with knobs too', async () => {
  const upstream = createSimulatorUpstream({ models: ['gpt-4o-mini'] });
  const heard = [
    ask(upstream, { model: 'openai/gpt-4o-mini:tokens=1', messages: user('Hi') }),
    ask(createSimulatorUpstream({ models: 'any' }), { model: 'whatever', messages: user('Hi') }),
  ];
  await turn();
  for (const one of heard) expect(one.events[0]).toBe('head 200');
});

test('a status fault has its error and Retry-After', async () => {
  const heard = await hear({ model: 'sim:fault=429,retry_after=7', messages: user('Hi'), stream: true });
  expect(heard.events).toEqual(['head 429', 'data', 'end']);
  expect(heard.headers['retry-after']).toBe('7');
  expect(JSON.parse(heard.text)).toMatchObject({ error: { code: 'rate_limit_exceeded' } });
});

test.each([
  ['reset', ['error reset']],
  ['connect', ['error connect']],
  ['silent', []],
  ['context', ['head 400', 'data', 'end']],
])('fault=%s', async (fault, events) => {
  const heard = await hear({ model: `sim:fault=${fault}`, messages: user('Hi') });
  expect(heard.events).toEqual(events);
});

test('fault_count: so many attempts fail, then one succeeds, then it starts over', async () => {
  const upstream = createSimulatorUpstream();
  const statuses: (string | undefined)[] = [];
  for (let i = 0; i < 6; i++) {
    const heard = ask(upstream, { model: 'sim:fault=500,fault_count=2', messages: user('Hi') });
    await turn();
    statuses.push(heard.events[0]);
  }
  expect(statuses).toEqual(['head 500', 'head 500', 'head 200', 'head 500', 'head 500', 'head 200']);
});

const dataOf = (heard: Heard) => heard.events.filter((event) => event === 'data').length;

test('cut closes after so many tokens', async () => {
  const heard = await hear({ model: 'sim:cut=3', messages: user('Hi'), stream: true });
  expect(heard.events.at(-1)).toBe('error reset');
  expect(dataOf(heard)).toBe(4);
  const whole = await hear({ model: 'sim:cut=3', messages: user('Hi') });
  expect(whole.events).toEqual(['head 200', 'data', 'error reset']);
  expect(whole.text.length).toBeLessThan(Number(whole.headers['content-length']));
});

test('malformed puts a broken event among whole ones; no_done leaves out the mark', async () => {
  const { text } = await hear({ model: 'sim:malformed=2,no_done,tokens=5', messages: user('Hi'), stream: true });
  const events = eventsOf(text);
  expect(events.map((event) => typeof event)).toEqual([
    'object',
    'object',
    'object',
    'string',
    ...Array(4).fill('object'),
  ]);
  expect(events[3]).toMatch(/"content":$/);
});

test('pace: the head at once, the first token after ttft, the others by tps', async () => {
  const clock = new ManualClock();
  const heard = await hear({ model: 'sim:ttft=1s,tps=50,tokens=10', messages: user('Hi'), stream: true }, clock);
  expect(heard.events).toEqual(['head 200']);
  clock.pass(999);
  expect(dataOf(heard)).toBe(0);
  clock.pass(1);
  expect(dataOf(heard)).toBe(2);
  clock.pass(20);
  expect(dataOf(heard)).toBe(3);
  clock.pass(160);
  expect(heard.events.at(-1)).toBe('end');
  expect(clock.pending).toBe(0);
  const whole = await hear({ model: 'sim:ttft=1s,tps=50,tokens=10', messages: user('Hi') }, clock);
  clock.pass(1_199);
  expect(whole.events).toEqual([]);
  clock.pass(1);
  expect(whole.events).toEqual(['head 200', 'data', 'end']);
});

test('a stall lasts as long as it says, or for ever', async () => {
  const clock = new ManualClock();
  const body = { messages: user('Hi'), stream: true };
  const short = await hear({ ...body, model: 'sim:stall=2,stall_for=5s' }, clock);
  const endless = await hear({ ...body, model: 'sim:stall=2' }, clock);
  expect(dataOf(short)).toBe(3);
  clock.pass(4_999);
  expect(dataOf(short)).toBe(3);
  clock.pass(3_600_000);
  expect(short.events.at(-1)).toBe('end');
  expect(dataOf(endless)).toBe(3);
});

test('pause holds the answer back, resume lets it go on, also from within data', async () => {
  const heard = ask(
    createSimulatorUpstream(),
    { model: 'sim:tokens=600', messages: user('Hi'), stream: true },
    (one) => {
      if (dataOf(one) === 5) one.exchange.pause();
      if (dataOf(one) === 9) {
        one.exchange.pause();
        one.exchange.resume();
      }
    },
  );
  await turn();
  expect(dataOf(heard)).toBe(5);
  heard.exchange.resume();
  await expect.poll(() => heard.events.at(-1)).toBe('end');
  expect(dataOf(heard)).toBe(603);
});

test('cancel: nothing more is heard, whatever the phase, and no timer is left', async () => {
  const clock = new ManualClock();
  const queued = ask(createSimulatorUpstream({ clock }), { model: 'sim', messages: user('Hi') });
  queued.exchange.cancel();
  const waiting = await hear({ model: 'sim:ttft=1s', messages: user('Hi') }, clock);
  waiting.exchange.cancel();
  const amid = ask(
    createSimulatorUpstream({ clock }),
    { model: 'sim:tps=10', messages: user('Hi'), stream: true },
    (one) => one.exchange.cancel(),
  );
  await turn();
  clock.pass(60_000);
  expect([queued.events, waiting.events, amid.events]).toEqual([[], [], ['head 200', 'data']]);
  expect(clock.pending).toBe(0);
});

test('close waits for what runs and refuses what comes', async () => {
  const clock = new ManualClock();
  const upstream = createSimulatorUpstream({ clock });
  const running = ask(upstream, { model: 'sim:ttft=1s', messages: user('Hi') });
  await turn();
  const closing = upstream.close();
  const refused = ask(upstream, { model: 'sim', messages: user('Hi') });
  await turn();
  expect(refused.events).toEqual(['error connect']);
  clock.pass(1_000);
  await closing;
  expect(running.events.at(-1)).toBe('end');
});
