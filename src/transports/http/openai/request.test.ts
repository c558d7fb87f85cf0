import { toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../../../gen/es/llmbridge/v1/content_pb.ts';
import { ToolCallType, ToolChoiceMode } from '../../../../gen/es/llmbridge/v1/tool_pb.ts';
import { Fault } from '../../../kernel/fault.ts';
import { decodeRequest } from './request.ts';

const decodeText = (json: string) => decodeRequest(Buffer.from(json));
const decode = (body: unknown) => decodeText(JSON.stringify(body));
const user = [{ role: 'user', content: 'hi' }];
const withMessage = (message: unknown) => decode({ model: 'm', messages: [message] }).request.messages[0];

function faultOf(run: () => unknown): Fault {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
  throw new Error('no fault');
}
const paramOf = (body: unknown) => faultOf(() => decode(body)).detail.violations?.[0]?.field;

test("this project's own form", () => {
  const { request, stream, plain } = decode({
    model: 'gpt-3.5-turbo',
    provider: 'openai',
    messages: [{ role: 'user', content: '你好！' }],
    parameters: { temperature: 0.7, max_tokens: 100, unheard_of: { '2': 0, '1': 0 } },
    strict: true,
    routing: { providers: ['a'], order: ['b'], regions: ['eu'] },
    extra: { '*': { a: 1 }, mistral: '{"safe_prompt":true}' },
  });
  expect(request).toMatchObject({
    provider: 'openai',
    temperature: 0.7,
    maxTokens: 100,
    strict: true,
    routing: { providers: ['a'], order: ['b'], regions: ['eu'] },
  });
  expect(JSON.parse(request.extra['*'] ?? '')).toEqual({ unheard_of: { '2': 0, '1': 0 }, a: 1 });
  expect(request.extra['mistral']).toBe('{"safe_prompt":true}');
  expect(stream).toBe(false);
  expect(plain).toBeUndefined();
});

test('every parameter of the OpenAI SDKs', () => {
  const body = {
    model: 'gpt-4o',
    messages: user,
    temperature: 0,
    top_p: 0.9,
    max_tokens: 5,
    max_completion_tokens: 6,
    stop: 'END',
    n: 2,
    seed: -7,
    presence_penalty: -1.5,
    frequency_penalty: 1.5,
    logit_bias: { '50256': -100 },
    logprobs: true,
    top_logprobs: 3,
    parallel_tool_calls: false,
    reasoning_effort: 'minimal',
    modalities: ['text', 'audio'],
    audio: { voice: 'alloy', format: 'wav' },
    prediction: {
      type: 'content',
      content: [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
    },
    service_tier: 'flex',
    verbosity: 'low',
    user: 'u',
    safety_identifier: 's',
    prompt_cache_key: 'k',
    store: false,
    metadata: { a: 'b' },
    stream: true,
    stream_options: { include_usage: true, include_obfuscation: false },
  };
  const { request, stream, plain } = decode(body);
  expect(request).toMatchObject({
    model: 'gpt-4o',
    temperature: 0,
    topP: 0.9,
    maxTokens: 5,
    maxCompletionTokens: 6,
    stop: ['END'],
    n: 2,
    seed: -7n,
    presencePenalty: -1.5,
    frequencyPenalty: 1.5,
    logitBias: { '50256': -100 },
    logprobs: true,
    topLogprobs: 3,
    parallelToolCalls: false,
    reasoningEffort: 'minimal',
    modalities: ['text', 'audio'],
    audio: { voice: 'alloy', format: 'wav' },
    prediction: 'ab',
    serviceTier: 'flex',
    verbosity: 'low',
    user: 'u',
    safetyIdentifier: 's',
    promptCacheKey: 'k',
    store: false,
    metadata: { a: 'b' },
    streamOptions: { includeUsage: true, includeObfuscation: false },
    extra: {},
  });
  expect(stream).toBe(true);
  expect(plain).toBe(JSON.stringify(body));
  expect(() => toBinary(ChatCompletionRequestSchema, request)).not.toThrow();
});

test('null is absent', () => {
  const { request, stream } = decode({
    model: 'm',
    messages: user,
    temperature: null,
    stop: null,
    stream: null,
    seed: null,
  });
  expect([request.temperature, request.stop, request.seed, stream]).toEqual([undefined, [], undefined, false]);
});

test('a seed keeps its 64 bits', () => {
  expect(decodeText('{"model":"m","messages":[],"seed": 9007199254740993 }').request.seed).toBe(9007199254740993n);
  expect(decodeText('{"messages":[],"seed":-9223372036854775808}').request.seed).toBe(-(2n ** 63n));
  expect(faultOf(() => decodeText('{"messages":[],"seed":9223372036854775808}')).message).toContain('seed');
});

test('reasoning in the spelling of routers; the top-level effort wins', () => {
  const options = { effort: 'high', max_tokens: 0, enabled: false, exclude: true, summary: 'auto', odd: 1 };
  const { request } = decode({ messages: user, reasoning: options });
  expect(request.reasoningEffort).toBe('high');
  expect(request.reasoning).toMatchObject({ maxTokens: 0, enabled: false, exclude: true, summary: 'auto' });
  expect(request.extra['*']).toBe('{"reasoning":{"odd":1}}');
  expect(decode({ messages: user, reasoning_effort: 'low', reasoning: options }).request.reasoningEffort).toBe('low');
});

describe('unknown fields travel as they were written', () => {
  test('at the top, in messages, parts, tools and calls', () => {
    const { request } = decodeText(`{"model":"m","web_search_options":{"10":1, "9":12345678901234567890},
      "messages":[{"role":"user","content":[{"type":"text","text":"a","odd":[ 1 ]}],"strange":null},
        {"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}","x":1},"y":2}]}],
      "tools":[{"type":"function","function":{"name":"f","z":1},"w":2}]}`);
    expect(request.extra['*']).toBe('{"web_search_options":{"10":1, "9":12345678901234567890}}');
    expect(request.messages[0]?.extra['*']).toBe('{"strange":null}');
    expect(request.messages[0]?.parts[0]?.extra['*']).toBe('{"odd":[ 1 ]}');
    expect(request.messages[1]?.toolCalls[0]?.extra['*']).toBe('{"function":{"x":1},"y":2}');
    expect(request.tools[0]?.extra['*']).toBe('{"function":{"z":1},"w":2}');
  });

  test('names that objects have from birth are names like any other', () => {
    const { request } = decodeText('{"messages":[],"constructor":1,"__proto__":{"a":1},"toString":null}');
    expect(request.extra['*']).toBe('{"constructor":1,"__proto__":{"a":1},"toString":null}');
    expect(faultOf(() => decodeText('{"metadata":{"__proto__":"x"}}')).detail.violations?.[0]?.field).toBe(
      'metadata.__proto__',
    );
    expect(() => decode({ messages: user, response_format: { type: 'constructor' } })).not.toThrow();
  });

  test('options of what the gateway itself rules over are refused', () => {
    expect(paramOf({ messages: user, stream_options: { odd: 1 } })).toBe('stream_options.odd');
    expect(paramOf({ messages: user, routing: { odd: 1 } })).toBe('routing.odd');
  });
});

describe('tools', () => {
  test('schemas keep the order and digits of their text', () => {
    const schema = '{"type":"object","properties":{"10":{"const":9007199254740993},"9":{}}}';
    const { request } = decodeText(
      `{"messages":[],"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":${schema},"strict":true}}]}`,
    );
    expect(request.tools[0]?.tool).toMatchObject({
      case: 'function',
      value: { name: 'f', description: 'd', parameters: schema, strict: true },
    });
  });

  test('custom tools, functions of the first form, and tools that providers run', () => {
    const { request, legacyFunctions } = decode({
      messages: user,
      tools: [
        { type: 'custom', custom: { name: 'c', format: { type: 'text' } } },
        { type: 'web_search_20250305', name: 'web_search', max_uses: 1 },
      ],
      functions: [{ name: 'old', parameters: {} }],
      function_call: { name: 'old' },
    });
    expect(request.tools.map(({ tool }) => tool)).toMatchObject([
      { case: 'custom', value: { name: 'c', format: '{"type":"text"}' } },
      {
        case: 'native',
        value: { provider: '', json: '{"type":"web_search_20250305","name":"web_search","max_uses":1}' },
      },
      { case: 'function', value: { name: 'old', parameters: '{}' } },
    ]);
    expect(request.toolChoice).toMatchObject({ mode: ToolChoiceMode.REQUIRED, name: 'old' });
    expect(legacyFunctions).toBe(true);
  });

  test.each([
    ['auto', { mode: ToolChoiceMode.AUTO }],
    ['none', { mode: ToolChoiceMode.NONE }],
    ['required', { mode: ToolChoiceMode.REQUIRED }],
    ['any', { mode: ToolChoiceMode.UNSPECIFIED, native: '"any"' }],
    [
      { type: 'function', function: { name: 'f' } },
      { mode: ToolChoiceMode.REQUIRED, name: 'f' },
    ],
    [
      { type: 'custom', custom: { name: 'c' } },
      { mode: ToolChoiceMode.REQUIRED, name: 'c' },
    ],
    [
      {
        type: 'allowed_tools',
        allowed_tools: { mode: 'auto', tools: [{ type: 'function', function: { name: 'f' } }] },
      },
      { mode: ToolChoiceMode.AUTO, allowed: ['f'] },
    ],
    [{ type: 'tool', name: 'x' }, { native: '{"type":"tool","name":"x"}' }],
  ])('tool_choice %j', (choice, expected) => {
    expect(decode({ messages: user, tool_choice: choice }).request.toolChoice).toMatchObject(expected);
  });

  test('what a choice of one tool, or a prediction, says beyond its typed places travels', () => {
    const { request } = decode({
      messages: user,
      tool_choice: { type: 'function', function: { name: 'f', inner: 1 }, outer: 2 },
      prediction: { type: 'content', content: 'p', more: 3 },
    });
    expect(JSON.parse(request.extra['*'] ?? '')).toEqual({
      tool_choice: { outer: 2, function: { inner: 1 } },
      prediction: { more: 3 },
    });
  });
});

test.each([
  [{ type: 'text' }, { case: 'text' }, undefined],
  [{ type: 'json_object' }, { case: 'jsonObject' }, undefined],
  [
    { type: 'json_schema', json_schema: { name: 'n', description: 'd', schema: { a: 1 }, strict: false } },
    { case: 'jsonSchema', value: { name: 'n', description: 'd', schema: '{"a":1}', strict: false } },
    undefined,
  ],
  [
    { type: 'json_schema', json_schema: { schema: true, odd: 1 }, more: 2 },
    { case: 'jsonSchema', value: { schema: 'true' } },
    '{"response_format":{"more":2,"json_schema":{"odd":1}}}',
  ],
  [{ type: 'grammar', grammar: 'root ::= "a"' }, { case: 'grammar', value: { syntax: 'gbnf' } }, undefined],
  [
    { type: 'grammar', grammar: { syntax: 'lark', definition: 'x' } },
    { case: 'grammar', value: { syntax: 'lark', definition: 'x' } },
    undefined,
  ],
])('response_format %j', (format, expected, extra) => {
  const { request } = decode({ messages: user, response_format: format });
  expect(request.responseFormat?.format).toMatchObject(expected);
  expect(request.extra['*']).toBe(extra);
});

test('a response_format that is not known travels whole', () => {
  const { request } = decode({ messages: user, response_format: { type: 'ebnf', x: 1 } });
  expect(request.responseFormat).toBeUndefined();
  expect(request.extra['*']).toBe('{"response_format":{"type":"ebnf","x":1}}');
});

describe('messages', () => {
  test.each([
    ['system', Role.SYSTEM],
    ['developer', Role.DEVELOPER],
    ['user', Role.USER],
    ['assistant', Role.ASSISTANT],
    ['tool', Role.TOOL],
    ['function', Role.FUNCTION],
  ])('of %s', (role, expected) => {
    expect(withMessage({ role, content: 'x', name: 'n' })).toMatchObject({
      role: expected,
      content: 'x',
      name: 'n',
      parts: [],
    });
  });

  test('content in parts of every kind', () => {
    const parts = withMessage({
      role: 'user',
      content: [
        { type: 'text', text: 't' },
        { type: 'image_url', image_url: { url: 'https://x/y.png', detail: 'low' } },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AQID' } },
        { type: 'image_url', image_url: 'https://x/z.png' },
        { type: 'input_audio', input_audio: { data: 'AQID', format: 'wav' } },
        { type: 'file', file: { file_data: 'data:application/pdf;base64,AQID', filename: 'a.pdf' } },
        { type: 'file', file: { file_id: 'file-1' } },
        { type: 'video_url', video_url: { url: 'https://x/v.mp4' } },
        { type: 'refusal', refusal: 'no' },
        { type: 'document', source: { odd: 1 } },
      ],
    })?.parts.map(({ part }) => part);
    const bytes = new Uint8Array([1, 2, 3]);
    expect(parts).toMatchObject([
      { case: 'text', value: { text: 't' } },
      { case: 'image', value: { source: { case: 'url', value: 'https://x/y.png' }, detail: 'low' } },
      { case: 'image', value: { source: { case: 'data' }, mediaType: 'image/png' } },
      { case: 'image', value: { source: { case: 'url', value: 'https://x/z.png' } } },
      { case: 'audio', value: { source: { case: 'data' }, format: 'wav' } },
      { case: 'file', value: { source: { case: 'data' }, mediaType: 'application/pdf', filename: 'a.pdf' } },
      { case: 'file', value: { source: { case: 'fileId', value: 'file-1' } } },
      { case: 'video', value: { source: { case: 'url', value: 'https://x/v.mp4' } } },
      { case: 'refusal', value: { refusal: 'no' } },
      { case: 'native', value: { provider: '', json: '{"type":"document","source":{"odd":1}}' } },
    ]);
    const image = parts?.[2];
    expect(image?.case === 'image' && image.value.source.case === 'data' && [...image.value.source.value]).toEqual([
      ...bytes,
    ]);
  });

  test('tool calls, and what answers them', () => {
    const { request } = decode({
      messages: [
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x": 1}' }, index: 0 },
            { id: 'b', type: 'custom', custom: { name: 'c', input: 'text' } },
            { id: 'd', function: { name: 'g', arguments: { '2': 1, '1': 2 } } },
          ],
        },
        { role: 'tool', tool_call_id: 'a', content: [{ type: 'text', text: 'r' }], is_error: true },
      ],
    });
    expect(request.messages[0]?.toolCalls).toMatchObject([
      { id: 'a', type: ToolCallType.FUNCTION, name: 'f', arguments: '{"x": 1}', extra: {} },
      { id: 'b', type: ToolCallType.CUSTOM, name: 'c', arguments: 'text' },
      { id: 'd', name: 'g', arguments: '{"1":2,"2":1}' },
    ]);
    expect(request.messages[0]?.parts).toEqual([]);
    expect(request.messages[1]).toMatchObject({
      toolCallId: 'a',
      isError: true,
      parts: [{ part: { value: { text: 'r' } } }],
    });
  });

  test("OpenAI's first form of a call and its result share an id", () => {
    const { request } = decode({
      messages: [
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
        { role: 'function', name: 'f', content: 'r' },
      ],
    });
    const [call, result] = request.messages;
    expect(call?.toolCalls[0]).toMatchObject({ name: 'f', arguments: '{}' });
    expect(result?.toolCallId).toBe(call?.toolCalls[0]?.id);
    expect(result?.toolCallId).not.toBe('');
  });

  test('reasoning text alone stays a field; before parts it becomes one', () => {
    expect(withMessage({ role: 'assistant', content: 'a', reasoning_content: 'r' })).toMatchObject({
      content: 'a',
      reasoningContent: 'r',
      parts: [],
    });
    expect(withMessage({ role: 'assistant', content: 'a', reasoning: 'r' })?.reasoningContent).toBe('r');
    expect(
      withMessage({ role: 'assistant', content: [{ type: 'text', text: 'a' }], reasoning_content: 'r' })?.parts,
    ).toMatchObject([{ part: { case: 'reasoning', value: { text: 'r' } } }, { part: { case: 'text' } }]);
  });

  test('thinking in the spellings of other gateways', () => {
    const blocks = [
      { type: 'thinking', thinking: 't', signature: 's' },
      { type: 'redacted_thinking', data: 'd' },
    ];
    const expected = [
      { part: { case: 'reasoning', value: { text: 't', signature: 's' } } },
      { part: { case: 'reasoning', value: { redacted: 'd' } } },
      { part: { case: 'text', value: { text: 'a' } } },
    ];
    expect(withMessage({ role: 'assistant', content: 'a', thinking_blocks: blocks })?.parts).toMatchObject(expected);
    expect(withMessage({ role: 'assistant', content: [...blocks, { type: 'text', text: 'a' }] })?.parts).toMatchObject(
      expected,
    );
  });

  test('a detail without text has the text of the message', () => {
    const message = withMessage({
      role: 'assistant',
      content: 'a',
      reasoning_content: 'r',
      reasoning_details: [{ type: 'reasoning.text', signature: 's', index: 0, format: 'x-v1' }],
    });
    expect(message?.parts[0]).toMatchObject({
      part: { case: 'reasoning', value: { text: 'r', signature: 's' } },
      extra: { '*': '{"format":"x-v1"}' },
    });
  });

  test('sound of an earlier turn goes by its id', () => {
    expect(
      withMessage({ role: 'assistant', audio: { data: 'AQID', id: 'audio_1', transcript: 't' } })?.parts,
    ).toMatchObject([
      { part: { case: 'audio', value: { source: { case: 'id', value: 'audio_1' }, transcript: 't' } } },
    ]);
  });

  test('cache marks on messages, parts and tools', () => {
    const mark = { type: 'ephemeral', ttl: '1h' };
    const { request, plain } = decode({
      messages: [{ role: 'user', content: [{ type: 'text', text: 'a', cache_control: mark }], cache_control: mark }],
      tools: [{ type: 'function', function: { name: 'f' }, cache_control: mark }],
    });
    expect(request.messages[0]?.cacheControl).toMatchObject(mark);
    expect(request.messages[0]?.parts[0]?.cacheControl).toMatchObject(mark);
    expect(request.tools[0]?.cacheControl).toMatchObject(mark);
    expect(plain).toBeUndefined();
  });
});

test('a sealed request', () => {
  const sealed = { version: 1, key_id: 'k1', issued_at: 7, nonce: 'AQIDBAUGBwgJCgsM', ciphertext: '_-8' };
  const { request } = decode({ sealed });
  expect(request.sealed).toMatchObject({ version: 1, keyId: 'k1', issuedAt: 7 });
  expect([...(request.sealed?.ciphertext ?? [])]).toEqual([0xff, 0xef]);
});

describe('what is no request', () => {
  test.each([
    ['', 'empty'],
    ['{', 'JSON'],
    ['[]', 'object'],
    ['null', 'object'],
    [`{"a":${'['.repeat(64)}${']'.repeat(64)}}`, '64 levels'],
    [`{"a":${'{"b":'.repeat(100_000)}`, '64 levels'],
  ])('%.20s', (json, why) => {
    const fault = faultOf(() => decodeText(json));
    expect(fault.reason).toBe('BODY_INVALID');
    expect(fault.message).toContain(why);
  });

  test('bytes that are not UTF-8', () => {
    expect(faultOf(() => decodeRequest(Buffer.from([0x7b, 0xff, 0x7d]))).reason).toBe('BODY_INVALID');
  });

  test('brackets in strings are no nesting', () => {
    const text = '[{"\\'.repeat(80);
    expect(decode({ messages: [{ role: 'user', content: text }] }).request.messages[0]?.content).toBe(text);
    const long = `${'x'.repeat(100)}"\\${'['.repeat(100)}`;
    expect(decode({ messages: [{ role: 'user', content: long }] }).request.messages[0]?.content).toBe(long);
  });
});

describe('a wrong value is refused by its path', () => {
  const part = (value: unknown) => ({ messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }, value] }] });
  test.each<[string, unknown]>([
    ['model', { model: 1 }],
    ['messages', { messages: {} }],
    ['messages[0]', { messages: ['hi'] }],
    ['messages[0].role', { messages: [{ content: 'x' }] }],
    ['messages[0].role', { messages: [{ role: 'robot', content: 'x' }] }],
    ['messages[0].content', { messages: [{ role: 'user', content: 1 }] }],
    ['messages[0].content[1]', part('x')],
    ['messages[0].content[1].type', part({ text: 'x' })],
    ['messages[0].content[1].text', part({ type: 'text' })],
    ['messages[0].content[1].text', part({ type: 'text', text: 1 })],
    ['messages[0].content[1].image_url', part({ type: 'image_url' })],
    ['messages[0].content[1].image_url', part({ type: 'image_url', image_url: 1 })],
    ['messages[0].content[1].image_url.url', part({ type: 'image_url', image_url: {} })],
    ['messages[0].content[1].image_url.url', part({ type: 'image_url', image_url: { url: 5 } })],
    [
      'messages[0].content[1].image_url.url',
      part({ type: 'image_url', image_url: { url: 'data:image/png;base64,%%%' } }),
    ],
    ['messages[0].content[1].input_audio.data', part({ type: 'input_audio', input_audio: { data: '***' } })],
    ['messages[0].content[1].file.file_data', part({ type: 'file', file: { filename: 'x' } })],
    ['messages[0].content[1].file.file_id', part({ type: 'file', file: { file_data: 'AQID', file_id: 'f' } })],
    ['messages[0].tool_calls[0].type', { messages: [{ role: 'assistant', tool_calls: [{ type: 'odd' }] }] }],
    ['messages[0].tool_calls[0].function', { messages: [{ role: 'assistant', tool_calls: [{ id: 'a' }] }] }],
    [
      'messages[0].tool_calls[0].function.arguments',
      { messages: [{ role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: 1 } }] }] },
    ],
    ['messages[0].reasoning_details[0].type', { messages: [{ role: 'assistant', reasoning_details: [{}] }] }],
    ['temperature', { temperature: '0.7' }],
    ['parameters.temperature', { parameters: { temperature: '0.7' } }],
    ['parameters.temperature', { temperature: 1, parameters: { temperature: 1 } }],
    ['parameters.messages', { parameters: { messages: [] } }],
    ['parameters', { parameters: [] }],
    ['max_tokens', { max_tokens: -1 }],
    ['max_tokens', { max_tokens: 1.5 }],
    ['n', { n: 2 ** 32 }],
    ['stop[1]', { stop: ['a', 1] }],
    ['stop', { stop: 1 }],
    ['seed', { seed: 1.5 }],
    ['logit_bias.7', { logit_bias: { '7': 'x' } }],
    ['metadata.a', { metadata: { a: 1 } }],
    ['stream', { stream: 'yes' }],
    ['stream_options.include_usage', { stream_options: { include_usage: 1 } }],
    ['tools[0].function', { tools: [{ type: 'function', name: 'flat' }] }],
    ['tools[0].function.parameters', { tools: [{ type: 'function', function: { name: 'f', parameters: '{}' } }] }],
    ['tool_choice', { tool_choice: 1 }],
    ['tool_choice.function.name', { tool_choice: { type: 'function', function: {} } }],
    ['tool_choice.allowed_tools.tools', { tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto' } } }],
    ['response_format.type', { response_format: {} }],
    ['response_format.json_schema', { response_format: { type: 'json_schema' } }],
    ['response_format.json_schema.strict', { response_format: { type: 'json_schema', json_schema: { strict: 1 } } }],
    ['prediction.type', { prediction: { content: 'x' } }],
    ['prediction.content[0].text', { prediction: { type: 'content', content: [{}] } }],
    ['audio.voice', { audio: { voice: 1 } }],
    ['reasoning.max_tokens', { reasoning: { max_tokens: 'x' } }],
    ['extra.openai', { extra: { openai: 1 } }],
    ['extra.openai', { extra: { openai: '[1]' } }],
    ['sealed.nonce', { sealed: { nonce: '*' } }],
    ['sealed.ciphertext', { sealed: { ciphertext: '_-9' } }],
    ['sealed.ciphertext', { sealed: { ciphertext: '_x' } }],
  ])('%s in %j', (path, body) => {
    expect(paramOf(body)).toBe(path);
  });

  test('a field of two forms is told both', () => {
    expect(() => decode({ model: 'm', messages: user, stop: 1 })).toThrow(
      'stop: must be a string or an array of strings',
    );
  });

  test('whatever stands at whatever place: a fault with a path, or a message that can be encoded', () => {
    const names = [
      'model',
      'messages',
      'tools',
      'stop',
      'extra',
      'tool_choice',
      'response_format',
      'parameters',
      'sealed',
    ];
    const inner = [
      'role',
      'content',
      'type',
      'text',
      'image_url',
      'url',
      'tool_calls',
      'function',
      'name',
      'arguments',
    ];
    const words = fc.constantFrom(
      ...inner,
      'user',
      'assistant',
      'text',
      'image_url',
      'function',
      'thinking',
      'allowed_tools',
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        words,
        fc.jsonValue({ maxDepth: 1 }),
        fc.array(tie('value'), { maxLength: 3 }),
        tie('object'),
      ),
      object: fc.dictionary(fc.constantFrom(...inner), tie('value'), { maxKeys: 5 }),
    }));
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), value), (body) => {
        let decoded: ReturnType<typeof decode>;
        try {
          decoded = decode(body);
        } catch (thrown) {
          const fault = thrown as Fault;
          expect(fault.reason).toBe('FIELD_INVALID');
          expect(fault.detail.violations?.[0]?.field).not.toBe('');
          return;
        }
        toBinary(ChatCompletionRequestSchema, decoded.request);
      }),
      { numRuns: 500 },
    );
  });
});
