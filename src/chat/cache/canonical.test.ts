import { create, type DescField, type DescMessage, fromBinary, ScalarType, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { anyRequest, type RequestInit } from '../../../test/contract/arbitrary-request.ts';
import { decodeRequest } from '../../transports/http/openai/request.ts';
import { canonicalText } from './canonical.ts';

const textOf = (init: RequestInit) => canonicalText(create(ChatCompletionRequestSchema, init));

/** What may differ between requests that are answered alike; what begins with one of these, too. */
const meaningless = [
  'model',
  'provider',
  'stream_options',
  'user',
  'safety_identifier',
  'prompt_cache_key',
  'store',
  'metadata',
  'sealed',
  'response_format.text',
];
const isMeaningless = (path: string) =>
  path.includes('cache_control') || meaningless.some((each) => path === each || path.startsWith(`${each}.`));

type Init = Record<string, unknown>;

/** Messages with one field set, at whatever depth, to each of some values. */
function* variants(desc: DescMessage): Generator<{ readonly path: string; readonly init: Init }> {
  for (const field of desc.fields) {
    for (const { path, value } of values(field)) {
      const whole = path === '' ? field.name : `${field.name}.${path}`;
      const init =
        field.oneof === undefined
          ? { [field.localName]: value }
          : { [field.oneof.localName]: { case: field.localName, value } };
      yield { path: whole, init };
    }
  }
}

function* values(field: DescField): Generator<{ readonly path: string; readonly value: unknown }> {
  const leaf = (value: unknown) => ({ path: '', value });
  switch (field.fieldKind) {
    case 'scalar':
      for (const value of scalars(field.scalar, field.name)) yield leaf(value);
      return;
    case 'enum':
      yield leaf(2);
      yield leaf(3);
      return;
    case 'map':
      for (const key of ['1', '2']) {
        const value = field.name === 'extra' ? '{"a":1}' : field.mapKind === 'scalar' ? one(field.scalar) : undefined;
        yield leaf({ [key]: value });
      }
      if (field.name === 'extra') yield leaf({ '1': '{"a":[1, 2]}' });
      return;
    case 'list':
      if (field.listKind === 'message')
        for (const { path, init } of variants(field.message)) yield { path, value: [init] };
      else {
        const value = field.listKind === 'scalar' ? one(field.scalar) : 2;
        yield leaf([value]);
        yield leaf([value, value]);
      }
      return;
    case 'message': {
      let any = false;
      for (const { path, init } of variants(field.message)) {
        any = true;
        yield { path, value: init };
      }
      if (!any) yield leaf({});
    }
  }
}

const one = (type: ScalarType): unknown => scalars(type, '')[0];

function scalars(type: ScalarType, name: string): unknown[] {
  if (type === ScalarType.STRING) {
    const json = ['parameters', 'schema', 'format'].includes(name);
    return json ? ['{"a":1}', '{"a": "b  c"}', '{"a":"b c"}'] : ['a', 'b', 'ab'];
  }
  if (type === ScalarType.BYTES) return [new Uint8Array([1]), new Uint8Array([2])];
  if (type === ScalarType.BOOL) return [true];
  return type === ScalarType.INT64 ? [2n, 3n] : [2, 3];
}

describe('the canonical form of a request', () => {
  test('tells apart whatever field of the contract is set, and to what', () => {
    const seen = new Map<string, string>([[textOf({}), 'nothing']]);
    const alike: string[] = [];
    let count = 0;
    for (const { path, init } of variants(ChatCompletionRequestSchema)) {
      count++;
      const text = textOf(init as RequestInit);
      if (isMeaningless(path)) expect(`${path} ${text}`).toBe(`${path} ${textOf(parentOf(init) as RequestInit)}`);
      else if (seen.has(text)) alike.push(`${path} and ${seen.get(text)}`);
      else seen.set(text, path);
    }
    expect(alike).toEqual([]);
    expect(count).toBeGreaterThan(150);
  });

  test('is the same for what says the same', () => {
    const plain = { messages: [{ role: Role.USER, content: 'hi' }] };
    expect(textOf({ ...plain, n: 1, logprobs: false, modalities: ['text'] })).toBe(textOf(plain));
    expect(textOf({ ...plain, responseFormat: { format: { case: 'text', value: {} } } })).toBe(textOf(plain));
    const parts = [{ part: { case: 'text' as const, value: { text: 'hi' } } }];
    expect(textOf({ messages: [{ role: Role.USER, parts, content: 'unread' }] })).toBe(
      textOf({ messages: [{ role: Role.USER, parts }] }),
    );
    const tool = (parameters: string) => ({
      ...plain,
      tools: [{ tool: { case: 'function' as const, value: { name: 'f', parameters } } }],
    });
    expect(textOf(tool('{ "a" :\n {"b": "x \\" y"} }'))).toBe(textOf(tool('{"a":{"b":"x \\" y"}}')));
    // A model reads a schema in its order.
    expect(textOf(tool('{"a":1,"b":2}'))).not.toBe(textOf(tool('{"b":2,"a":1}')));
  });

  test('does not depend on the order of maps, nor on how the request came', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const text = canonicalText(request);
        const turned = (map: { [name: string]: string }) => Object.fromEntries(Object.entries(map).reverse());
        expect(canonicalText({ ...request, extra: turned(request.extra) })).toBe(text);
        expect(
          canonicalText(fromBinary(ChatCompletionRequestSchema, toBinary(ChatCompletionRequestSchema, request))),
        ).toBe(text);
      }),
      { numRuns: 300 },
    );
    expect(textOf({ extra: { a: '{"x":1,"y":[1,2]}', b: '{}' } })).toBe(
      textOf({ extra: { b: '{ }', a: '{"y":[1, 2],"x":1}' } }),
    );
  });

  test('of OpenAI-shaped JSON is that of the message it stands for', () => {
    const body = {
      model: 'm',
      stream: true,
      stream_options: { include_usage: true },
      user: 'u-1',
      temperature: 0,
      max_tokens: 20,
      stop: 'x',
      messages: [
        { role: 'system', content: 'be brief' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'what is this?' },
            { type: 'image_url', image_url: { url: 'https://e.example/a.png', detail: 'low' } },
          ],
        },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a": 1}' } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'done' },
      ],
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } }],
    };
    const { request } = decodeRequest(Buffer.from(JSON.stringify(body, null, 2)));
    const text = { case: 'text' as const, value: { text: 'what is this?' } };
    const image = {
      case: 'image' as const,
      value: { source: { case: 'url' as const, value: 'https://e.example/a.png' }, detail: 'low' },
    };
    expect(canonicalText(request)).toBe(
      textOf({
        model: 'other',
        temperature: 0,
        maxTokens: 20,
        stop: ['x'],
        messages: [
          { role: Role.SYSTEM, content: 'be brief' },
          { role: Role.USER, parts: [{ part: text }, { part: image }] },
          { role: Role.ASSISTANT, toolCalls: [{ id: 'c1', name: 'f', arguments: '{"a": 1}' }] },
          { role: Role.TOOL, toolCallId: 'c1', content: 'done' },
        ],
        tools: [{ tool: { case: 'function', value: { name: 'f', parameters: '{"type":"object","properties":{}}' } } }],
      }),
    );
  });
});

/** The same without the innermost field. */
function parentOf(init: Init): Init {
  const out: Init = {};
  for (const [name, value] of Object.entries(init)) {
    if (name === 'cacheControl' || meaningless.includes(snake(name))) continue;
    if (name === 'responseFormat') continue;
    out[name] = inner(value);
  }
  return out;
}

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function inner(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inner);
  if (value !== null && typeof value === 'object' && !(value instanceof Uint8Array)) return parentOf(value as Init);
  return value;
}
