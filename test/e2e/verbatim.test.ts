import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { members } from '../../src/kernel/json-text.ts';
import { caseInstance } from '../contract/case-adapter.ts';
import { bodyOf, type Case, isStream, readCorpus } from '../contract/corpus.ts';
import { isAnswered } from '../contract/expectation.ts';
import { type JsonAnswer, meaningOfJson } from '../contract/json-meaning.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type RecordingProvider, recordingProvider } from '../support/recording-provider.ts';

// Who speaks OpenAI's dialect to a provider that speaks it gets the provider's own bytes, and only `llmbridge` beside them.

const answers = new Map<string, string>();
let provider: RecordingProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await recordingProvider({
    answer: ({ body }) => answers.get((JSON.parse(body) as { model: string }).model) ?? '{}',
  });
  gateway = await startGateway(`
providers:
  first: { type: openai, base_url: "${provider.baseUrl}", api_keys: [k] }
  second: { type: openai-compatible, base_url: "${provider.baseUrl}" }
  third: { type: deepseek, base_url: "${provider.baseUrl}", api_keys: [k] }
models:
  - { name: mended, targets: [{ provider: first, model: mended }], recovery: { mode: restart } }
  - { name: kept, targets: [{ provider: first, model: kept }], cache: { enabled: true } }
`);
});

afterAll(async () => {
  await gateway.stop();
  await provider.close();
});

const lines = (events: readonly string[]) => events.map((event) => `data: ${event}\n\n`).join('');

/** What is sent for a body's text. */
async function ask(json: string): Promise<string> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: json,
  });
  return response.text();
}

const question = (model: string, more = '') => `{"model":"${model}","messages":[{"role":"user","content":"?"}]${more}}`;
const streaming = ',"stream":true';
const counting = `${streaming},"stream_options":{"include_usage":true}`;

/** A text, and the report that was spliced into it. */
function unspliced(got: string): { readonly text: string; readonly report: string } {
  const report = members(got).get('llmbridge') ?? '';
  const at = got.lastIndexOf(`,"llmbridge":${report}`);
  return { text: got.slice(0, at) + got.slice(at + `,"llmbridge":${report}`.length), report };
}

function expectWhole(got: string, source: string, model: string): void {
  const { text, report } = unspliced(got);
  expect(text).toBe(source);
  expect(JSON.parse(report)).toMatchObject({ model, attempts: [{ outcome: 'ok' }] });
}

/** `source` are the events' data, without those that are hidden. */
function expectEvents(got: string, source: readonly string[], model: string): void {
  const events = got.split('\n\n').filter((event) => event !== '');
  expect(events.at(-1)).toBe('data: [DONE]');
  const last = events.at(-2)?.slice('data: '.length) ?? '';
  const { text, report } = unspliced(last);
  expect([...events.slice(0, -2), `data: ${text}`]).toEqual(source.map((event) => `data: ${event}`));
  expect(JSON.parse(report)).toMatchObject({ model, attempts: [{ outcome: 'ok' }] });
}

const usage =
  '{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0},"big":12345678901234567890}';

/** What an answer means: one of several events, or a whole one. */
const meaning = (got: string) =>
  meaningOfJson(
    (got.startsWith('data: ') ? [...got.matchAll(/^data: (\{.*)$/gm)].map(([, json = '']) => json) : [got]).map(
      (json) => JSON.parse(json) as JsonAnswer,
    ),
  );

/** The same question in the gateway's own form, whose answer is written anew. */
const anew = (instance: string, more: string) => ask(question('m', `,"provider":"${instance}"${more}`));

const head = '"id":"chatcmpl-\\u0041","object":"chat.completion.chunk","created":1700000000,"model":"gpt-x-2024"';
const event = (choices: string, more = '') => `{${head},"system_fingerprint":"fp","choices":[${choices}]${more}}`;
const delta = (text: string, finish = 'null', index = 0) =>
  `{"index":${index},"delta":${text},"logprobs":null,"finish_reason":${finish}}`;

/** Streams; the last event tells the usage. */
const streams: Readonly<Record<string, readonly string[]>> = {
  words: [
    event(delta('{"role":"assistant","content":"","refusal":null}'), ',"usage":null,"obfuscation":"aB"'),
    ...['Zwölf', ' Boxk\\u00e4mpfer', ' \\/ \\ud83d\\ude00 😀', '\\n\\"', 'x'].map((words, i) =>
      event(delta(`{"content":"${words}"}`), `,"usage":null,"obfuscation":"${'q'.repeat(i)}"`),
    ),
    event(delta('{}', '"stop"'), ',"usage":null,"obfuscation":""'),
    event('', `,"usage":${usage},"obfuscation":"z"`),
  ],
  'odd spacing': [
    `{ ${head} , "choices" : [ ${delta('{ "role" : "assistant" , "content" : "a" }')} ] }`,
    `{"choices":[{"finish_reason":null,"delta":{"content" :  "b"},"index":0}],\t${head}  } `,
    `{${head},"choices":[${delta('{"content":"c"}', '"length"')}] }  `,
    `{${head},"choices":[ ] , "usage" : ${usage} }`,
  ],
  'unknown members, big integers, what looks like ours': [
    event(delta('{"role":"assistant","content":"","x":[1.0,1e2]}'), ',"x":12345678901234567890,"2":0,"1":0'),
    event(delta('{"content":"\\"llmbridge\\":{}"}'), ',"x":{"llmbridge":{"a":1}},"provider":"P"'),
    event(delta('{"content":"\\n\\ndata: [DONE]\\n\\n"}'), ',"provider":"P"'),
    event(`{"index":0,"delta":{},"finish_reason":"stop","content_filter_results":{"hate":{"filtered":false}}}`),
    event('', `,"usage":${usage},"provider":"P"`),
  ],
  'log probabilities': [
    event(delta('{"role":"assistant","content":""}')),
    event(
      '{"index":0,"delta":{"content":"ok"},"logprobs":{"content":[{"token":"ok","logprob":-0.10,"bytes":[111,107],"top_logprobs":[]}],"refusal":null},"finish_reason":null}',
    ),
    event(delta('{}', '"stop"')),
    event('', `,"usage":${usage}`),
  ],
  'tool calls': [
    event(
      delta(
        '{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]}',
      ),
    ),
    event(delta('{"tool_calls":[{"index":0,"function":{"arguments":"{\\"n\\": 1234567890"}}]}')),
    event(delta('{"tool_calls":[{"index":0,"function":{"arguments":"1234567890}"}}]}')),
    event(delta('{"tool_calls":[{"index":1,"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]}')),
    event(delta('{}', '"tool_calls"')),
    event('', `,"usage":${usage}`),
  ],
  'a refusal': [
    event(delta('{"role":"assistant","refusal":"I "}')),
    event(delta('{"refusal":"won\\u2019t"}')),
    event(delta('{}', '"content_filter"')),
    event('', `,"usage":${usage}`),
  ],
  reasoning: [
    event(delta('{"role":"assistant","content":"","reasoning_content":"hm"}')),
    event(delta('{"reasoning_content":", well"}')),
    event(delta('{"content":"yes","reasoning_content":null}')),
    event(delta('{}', '"stop"')),
    event('', `,"usage":${usage}`),
  ],
  annotations: [
    event(delta('{"role":"assistant","content":"see"}')),
    event(
      delta(
        '{"content":" there","annotations":[{"type":"url_citation","url_citation":{"url":"https://a.test/?q=1&b=%20","title":"T","start_index":0,"end_index":3}}]}',
      ),
    ),
    event(delta('{}', '"stop"')),
    event('', `,"usage":${usage}`),
  ],
  'several choices': [
    event(`${delta('{"role":"assistant","content":"a"}')},${delta('{"role":"assistant","content":"b"}', 'null', 1)}`),
    event(delta('{"content":"c"}', 'null', 1)),
    event(delta('{"content":"d"}')),
    event(delta('{"content":"d"}')),
    event(delta('{}', '"stop"')),
    event(delta('{"content":"e"}', 'null', 1)),
    event(delta('{}', '"length"', 1)),
    event('', `,"usage":${usage}`),
  ],
};

const whole = (message: string, more = '') =>
  `{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"gpt-x-2024","choices":[{"index":0,"message":${message},"logprobs":null,"finish_reason":"stop"}],"usage":${usage}${more}}`;

const wholes: Readonly<Record<string, string>> = {
  words: whole('{"role":"assistant","content":"Zw\\u00f6lf \\/ 😀","refusal":null,"annotations":[]}'),
  'odd spacing': `\n{ "usage" : ${usage} ,\n${whole('{ "role":"assistant", "content" : "a" }').slice(1, -1)}\n  }\n`,
  'unknown members, big integers, what looks like ours': whole(
    '{"role":"assistant","content":"\\"llmbridge\\":1","x":{"llmbridge":{"b":1.0}}}',
    ',"service_tier":null,"n":12345678901234567890,"2":0,"1":0',
  ),
  'tool calls': whole(
    '{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{ \\"n\\": 12345678901234567890 }"}}]}',
  ),
  'a refusal': whole('{"role":"assistant","content":null,"refusal":"no"}'),
  'log probabilities': whole('{"role":"assistant","content":"ok"}').replace(
    '"logprobs":null',
    '"logprobs":{"content":[{"token":"ok","logprob":-0.10,"bytes":null,"top_logprobs":[]}]}',
  ),
  annotations: whole(
    '{"role":"assistant","content":"see","annotations":[{"type":"url_citation","url_citation":{"url":"https://a.test","title":"T","start_index":0,"end_index":3}}]}',
  ),
  'several choices': whole('{"role":"assistant","content":"a"}').replace(
    '}],"usage"',
    '},{"index":1,"message":{"role":"assistant","content":"b"},"finish_reason":"length"}],"usage"',
  ),
};

const instances = ['first', 'second', 'third'];
const each = (table: object) => Object.keys(table).flatMap((name) => instances.map((instance) => [name, instance]));

describe('the bytes of', () => {
  test.each(each(wholes))('a whole answer: %s, of %s', async (name = '', instance = '') => {
    const source = wholes[name] ?? '';
    answers.set('m', source);
    const got = await ask(question(`${instance}/m`));
    expectWhole(got, source, 'm');
    expect(meaning(got)).toEqual(meaning(await anew(instance, '')));
  });

  test.each(each(streams))('a stream: %s, of %s', async (name = '', instance = '') => {
    const source = streams[name] ?? [];
    answers.set('m', `${lines(source)}data: [DONE]\n\n`);
    const got = await ask(question(`${instance}/m`, counting));
    expectEvents(got, source, 'm');
    expect(meaning(got)).toEqual(meaning(await anew(instance, counting)));
    // Only the gateway asked for usage, then.
    expectEvents(await ask(question(`${instance}/m`, streaming)), source.slice(0, -1), 'm');
  });

  test('events, whatever stands between them', async () => {
    const source = streams['words'] ?? [];
    const behind = ['\n\n', '\r\n\r\n', '\n\n\n', '\n\n: ping\n\n', '\n: PROCESSING\n\n', '\nid: 7\nretry: 5\n\n'];
    const body = source.map((json, i) => `data:${i % 2 ? ' ' : ''}${json}${behind[i % behind.length]}`).join('');
    answers.set('m', `${body}data: [DONE]\n\n`);
    expectEvents(await ask(question('first/m', counting)), source, 'm');
  });

  test('a request: the model, and that usage is told', async () => {
    answers.set('m', `${lines(streams['words'] ?? [])}data: [DONE]\n\n`);
    const rest =
      '"messages":[{"role":"user",  "content":"\\u0041","x":12345678901234567890}],"seed":9007199254740993,"metadata":{"2":"a","1":"b"}';
    await ask(`{"model":"first/other","stream":true,${rest},"model":"first/m"}`);
    answers.set('m', wholes['words'] ?? '');
    await ask(`{"model":"first/m",${rest}}`);
    expect(provider.requests.slice(-2).map(({ body }) => body)).toEqual([
      `{"model":"m","stream":true,${rest},"stream_options":{"include_usage":true}}`,
      `{"model":"m",${rest}}`,
    ]);
  });
});

type Event = Readonly<Record<string, unknown>> & { readonly choices?: readonly Readonly<Record<string, unknown>>[] };
const parsed = (got: string): Event[] =>
  [...got.matchAll(/^data: (\{.*)$/gm)].map(([, json = '']) => JSON.parse(json) as Event);

describe('what the caller would not understand as it came is said in OpenAI’s words, the rest stays', () => {
  const [first = ''] = streams['reasoning'] ?? [];
  const stream = (...events: readonly string[]) => `${lines(events)}data: [DONE]\n\n`;
  const finish = event(delta('{}', '"stop"'));

  test.each([
    ['another name of reasoning', event(delta('{"reasoning":"so"}')), { reasoning_content: 'so' }],
    ['text in blocks', event(delta('{"content":[{"type":"text","text":"so"}]}')), { content: 'so' }],
    [
      'a call in OpenAI’s first form',
      event(delta('{"function_call":{"name":"f","arguments":"{}"}}')),
      { tool_calls: [{ index: 0, type: 'function', function: { name: 'f', arguments: '{}' } }] },
    ],
    [
      'a call without an index',
      event(delta('{"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}')),
      { tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }] },
    ],
    [
      'an image without an index',
      event(delta('{"images":[{"type":"image_url","image_url":{"url":"https://a.test/i"}}]}')),
      { images: [{ index: 0, type: 'image_url', image_url: { url: 'https://a.test/i' } }] },
    ],
    [
      'an event in several lines',
      event(delta('{"content":"so"}')).replace('"choices"', '\ndata: "choices"'),
      { content: 'so' },
    ],
  ])('%s', async (_name, foreign, said) => {
    answers.set('m', stream(first, foreign, event(delta('{"content":"z"}')), finish));
    const got = await ask(question('second/m', streaming));
    expect(parsed(got)[1]?.choices?.[0]?.['delta']).toEqual(said);
    expect(got).toContain(`data: ${first}\n\n`);
    expect(got).toContain(`data: ${event(delta('{"content":"z"}'))}\n\n`);
  });

  test('a character that came in halves, which no text can hold', async () => {
    answers.set(
      'm',
      stream(first, ...['a', '\\ud83d', '\\ude00', 'b'].map((half) => event(delta(`{"content":"${half}"}`))), finish),
    );
    const texts = parsed(await ask(question('first/m', streaming))).map(
      ({ choices }) => (choices?.[0]?.['delta'] as { content?: string } | undefined)?.content ?? '',
    );
    expect(texts).toEqual(['', 'a', '', '😀', 'b', '']);
  });

  test('an event with nothing to show but what is put into the one before', async () => {
    const counted = '"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"cached_tokens":1}';
    answers.set('m', stream(first, finish, event('', `,${counted},"x":1.0`)));
    const got = await ask(question('first/m', streaming));
    expect(parsed(got)).toHaveLength(2);
    expect(members([...got.matchAll(/^data: (\{.*)$/gm)].at(-1)?.[1] ?? '').get('x')).toBe('1.0');
  });

  test('usage beside a choice, which only the gateway asked for', async () => {
    answers.set('m', stream(first, event(delta('{}', '"stop"'), `,"usage":${usage}`)));
    const events = parsed(await ask(question('first/m', streaming)));
    expect(events.map((each) => each['usage'])).toEqual([undefined, undefined]);
    const counted = parsed(await ask(question('first/m', counting)));
    expect(counted.map((each) => (each['usage'] as { total_tokens?: number } | null)?.total_tokens)).toEqual([
      undefined,
      undefined,
      12,
    ]);
  });

  test('usage by other names, an id or a time of its own, a provider’s `llmbridge`, a finish of its own', async () => {
    const other = (json: string) => json.replace('chatcmpl-', 'other-').replace('1700000000', '1800000000');
    answers.set(
      'm',
      stream(
        first,
        other(event(delta('{"content":"a"}'))),
        event(delta('{"content":"b"}'), ',"llmbridge":{"provider":"forged"}'),
        event(delta('{}', '"eos"')),
        event('', ',"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"cached_tokens":1}'),
      ),
    );
    const got = await ask(question('second/m', counting));
    const events = parsed(got);
    expect(new Set(events.map(({ id, created }) => `${String(id)} ${String(created)}`))).toEqual(
      new Set(['chatcmpl-A 1700000000']),
    );
    expect(got).not.toContain('forged');
    expect(events.at(-2)?.choices?.[0]).toMatchObject({ finish_reason: 'stop', native_finish_reason: 'eos' });
    expect(events.at(-1)?.['usage']).toMatchObject({ total_tokens: 3, prompt_tokens_details: { cached_tokens: 1 } });
    expect(events.at(-1)?.['llmbridge']).toBeDefined();
  });

  test('calls, where the caller speaks of functions', async () => {
    answers.set('m', stream(...(streams['tool calls'] ?? []).filter((_, i) => i !== 3)));
    const got = await ask(question('first/m', `${streaming},"functions":[{"name":"f"}]`));
    expect(got).toContain('"function_call":{"name":"f"');
    expect(got).not.toContain('"tool_calls":');
    answers.set('m', wholes['tool calls'] ?? '');
    const whole = await ask(question('first/m', ',"functions":[{"name":"f"}]'));
    expect(whole).toContain('"function_call":{"name":"f"');
  });

  test('routes that mend or keep answers', async () => {
    const source = streams['odd spacing'] ?? [];
    for (const name of ['mended', 'kept']) {
      answers.set(name, stream(...source));
      const got = await ask(question(name, counting));
      expect(got).not.toContain(source[1]);
      expect(parsed(got).map(({ choices }) => (choices?.[0]?.['delta'] as { content?: string })?.content)).toEqual([
        'a',
        'b',
        'c',
        undefined,
      ]);
    }
  });

  test('a fault, whatever came before it', async () => {
    for (const end of ['', 'data: {"error":{"message":"x","type":"server_error"}}\n\n', 'data: {"id":\n\n']) {
      answers.set('m', `${lines([first, event(delta('{"content":"b"}'))])}${end}`);
      const got = await ask(question('first/m', streaming));
      expect(got.startsWith(lines([first, event(delta('{"content":"b"}'))]))).toBe(true);
      expect(got).not.toContain('[DONE]');
      expect(parsed(got).at(-1)?.['error']).toBeDefined();
    }
  });
});

const folder = process.env['CORPUS_DIR'];
const recorded = (folder === undefined ? [] : readCorpus(folder)).filter(
  (each) => isAnswered(each) && caseInstance(each) !== undefined && bodyOf(each).includes('"chat.completion'),
);

describe.skipIf(folder === undefined)('recorded answers', () => {
  const counts = new Map<string, { events: number; same: number }>();

  test.each(recorded.map((each) => [each.name, each] as const))('%s', async (_name, each: Case) => {
    const body = String(bodyOf(each));
    answers.set('m', body);
    const more = isStream(each) ? (/"choices":\s*\[\]/.test(body) ? counting : streaming) : '';
    const got = await ask(question('second/m', more));
    expect(meaning(got)).toEqual(meaning(await anew('second', more)));
    const source = isStream(each) ? [...body.matchAll(/^data: ?(\{.*?)\r?$/gm)].map(([, json = '']) => json) : [body];
    const told = isStream(each) ? [...got.matchAll(/^data: (\{.*)$/gm)].map(([, json = '']) => json) : [got];
    const texts = new Set(told.map((text) => (text.includes('"llmbridge":') ? unspliced(text).text : text)));
    const same = source.filter((json) => texts.has(json)).length;
    const count = counts.get(each.provider) ?? { events: 0, same: 0 };
    counts.set(each.provider, { events: count.events + source.length, same: count.same + same });
    if (each.provider !== 'openai') return;
    if (isStream(each)) expectEvents(got, source, 'm');
    else expectWhole(got, body, 'm');
  });

  test('counts', () => {
    console.log(
      [...counts].map(([name, { events, same }]) => `${name.padEnd(16)} ${same} of ${events} as they came`).join('\n'),
    );
  });
});
