import { readFileSync } from 'node:fs';
import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import {
  ChatCompletionRequestSchema,
  type ChatCompletionResponse,
  ChatCompletionResponseSchema,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { ParameterAction } from '../../gen/es/llmbridge/v1/report_pb.ts';
import { collect } from '../../src/kernel/collect.ts';
import { Fault } from '../../src/kernel/fault.ts';
import { elements, valueAt } from '../../src/kernel/json-text.ts';
import type { ProviderType } from '../../src/kernel/provider.ts';
import { azureOpenAi } from '../../src/providers/azure-openai/index.ts';
import { providerTypes } from '../../src/providers/index.ts';
import { openai } from '../../src/providers/openai/index.ts';
import { family } from '../../src/providers/openai-compatible/family/index.ts';
import { createFramer } from '../../src/upstream/framing/index.ts';
import { adapterOf, collected } from './dialect.ts';

/** Everyone who speaks OpenAI's dialect. */
const speakers: readonly ProviderType[] = [openai, azureOpenAi, ...family];

const read = (name: string): string => readFileSync(new URL(`fixtures/openai/${name}`, import.meta.url), 'utf8');

interface Answer {
  readonly name: string;
  readonly whole: Buffer;
  readonly stream: Buffer;
  readonly expected: string;
}

/** JSON text without white space between its tokens: one line, as it travels. */
const compact = (json: string): string => json.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1');

/** The fixtures' texts are sliced, not parsed: digits beyond 2^53 are part of them. */
const answers: readonly Answer[] = elements(read('answers.json')).map((fixture) => {
  const member = (name: string) => compact(valueAt(fixture, [name]) ?? '');
  const events = elements(member('stream')).map((event) => (event === '"[DONE]"' ? '[DONE]' : event));
  return {
    name: JSON.parse(member('name')) as string,
    whole: Buffer.from(member('whole')),
    stream: Buffer.from(events.map((event) => `data: ${event}\n\n`).join('')),
    expected: member('answer'),
  };
});

const jsonOf = (response: ChatCompletionResponse): unknown =>
  toJson(ChatCompletionResponseSchema, response, { useProtoFieldName: true });

const expectedOf = (answer: Answer, type: string): unknown =>
  JSON.parse(answer.expected.replaceAll('"TYPE"', JSON.stringify(type)));

test('every provider of the family is a provider of the gateway', () => {
  for (const type of speakers) expect(providerTypes).toContain(type);
  expect(new Set(providerTypes.map(({ type }) => type)).size).toBe(providerTypes.length);
});

describe.each(speakers)('$type', (type) => {
  const adapter = adapterOf(type);

  test.each(answers)('reads, whole and streamed: $name', (answer) => {
    const expected = expectedOf(answer, type.type);
    expect(jsonOf(adapter.decode(answer.whole))).toEqual(expected);
    for (const size of [1, 4096]) expect(jsonOf(collected(adapter, answer.stream, size))).toEqual(expected);
  });

  test('writes the common requests', async () => {
    const requests = JSON.parse(read('requests.json')) as Record<string, JsonValue>;
    const written: Record<string, unknown> = {};
    for (const [name, json] of Object.entries(requests)) {
      const request = fromJson(ChatCompletionRequestSchema, json);
      const { path, headers, body, notes } = adapter.encode({
        request,
        source: undefined,
        model: 'the-model',
        apiKey: 'the-key',
        stream: name === 'every parameter',
      });
      written[name] = {
        path,
        headers,
        body: String(body),
        notes: notes.map((note) => `${actions[note.action]} ${note.name}: ${note.detail}`),
      };
    }
    await expect(`${JSON.stringify(written, null, 2)}\n`).toMatchFileSnapshot(
      `fixtures/openai/written/${type.type}.txt`,
    );
  });
});

const actions: Readonly<Record<number, string>> = {
  [ParameterAction.DROPPED]: 'dropped',
  [ParameterAction.MAPPED]: 'mapped',
  [ParameterAction.REFUSED]: 'refused',
};

describe('streams', () => {
  const adapter = adapterOf(openai);

  test.each(answers)('cut at any byte they are the same: $name', (answer) => {
    const expected = expectedOf(answer, 'openai');
    for (let at = 1; at < answer.stream.length; at++) {
      const chunks: Parameters<typeof collect>[0] extends Iterable<infer C> ? C[] : never = [];
      const framer = createFramer('sse');
      const decoder = adapter.decoder();
      const push = (frame: Parameters<typeof decoder.push>[0]) => decoder.push(frame, (chunk) => chunks.push(chunk));
      framer.push(answer.stream.subarray(0, at), push);
      framer.push(answer.stream.subarray(at), push);
      framer.end(push);
      decoder.end(() => {});
      expect(jsonOf(collect(chunks))).toEqual(expected);
    }
  });

  test('ended before the finish reason they are cut, wherever that is; after it they are whole', () => {
    const [answer] = answers;
    const text = String(answer?.stream);
    const whole = text.indexOf('\n', text.indexOf('"finish_reason":"stop"'));
    for (let at = 0; at < whole - 1; at++) {
      expect(reasonOf(() => collected(adapter, Buffer.from(text.slice(0, at)), 4096))).toBe('PROVIDER_STREAM_CUT');
    }
    expect(collected(adapter, Buffer.from(text.slice(0, whole)), 4096).choices[0]?.finishReason).toBe(1);
    expect(collected(adapter, Buffer.from(text.replace('data: [DONE]\n\n', '')), 4096).usage?.totalTokens).toBe(29);
  });

  test.each(answers)('asked for and not given, the whole answer stands for one: $name', (answer) => {
    for (const size of [1, 4096]) {
      expect(jsonOf(collected(adapter, answer.whole, size))).toEqual(expectedOf(answer, 'openai'));
    }
    expect(reasonOf(() => collected(adapter, answer.whole.subarray(0, -3), 4096))).toBe('PROVIDER_STREAM_CUT');
  });

  test('an error with a success status is a fault', () => {
    const body = Buffer.from('{"error":{"message":"filtered","code":"content_filter","status":400}}');
    expect(faultOf(() => collected(adapter, body, 4096)).detail.blame).toBe('content');
  });

  test('an error in their midst is a fault of its own kind', () => {
    const begun = 'data: {"id":"1","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n';
    const blame = (event: string) => faultOf(() => collected(adapter, Buffer.from(begun + event), 4096)).detail.blame;
    expect(blame('data: {"error":{"message":"overloaded","type":"server_error","code":null}}\n\n')).toBe('provider');
    expect(blame('data: {"error":{"code":502,"message":"Provider returned error"},"choices":[]}\n\n')).toBe('provider');
    expect(blame('data: {"error":{"message":"slow down","code":"rate_limit_exceeded"}}\n\n')).toBe('limit');
    expect(blame('event: error\ndata: {"message":"boom"}\n\n')).toBe('provider');
    expect(blame('data: {"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}\n\n')).toBe('provider');
  });

  test('an event that is no JSON object is malformed', () => {
    for (const data of ['{"id":', '[1]', 'null', 'oops']) {
      expect(reasonOf(() => collected(adapter, Buffer.from(`data: ${data}\n\n`), 4096))).toBe('PROVIDER_MALFORMED');
    }
  });
});

test.each(['', '{', '[]', '{"object":"list"}', '{"choices":[1]}'])('a whole answer that is %s is malformed', (body) => {
  expect(reasonOf(() => adapterOf(openai).decode(Buffer.from(body)))).toBe('PROVIDER_MALFORMED');
});

interface Failure {
  readonly name: string;
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body: unknown;
  readonly reason: string;
  readonly blame: string;
  readonly code?: string;
  readonly field?: string;
  readonly message?: string;
  readonly retryAfterMs?: number;
}

describe('failures', () => {
  const failures = JSON.parse(read('faults.json')) as Failure[];
  const now = Date.parse('Thu, 09 Oct 2025 08:53:20 GMT');

  test.each(failures)('$name', ({ status, headers = {}, body, ...expected }) => {
    for (const type of [openai, azureOpenAi, ...family]) {
      const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
      const fault = adapterOf(type).fault({ status, headers, body: bytes, now });
      expect(fault.reason).toBe(expected.reason);
      expect(fault.detail.blame).toBe(expected.blame);
      expect(fault.detail.status).toBe(status);
      expect(fault.detail.retryAfterMs).toBe(expected.retryAfterMs);
      if (expected.code !== undefined) expect(fault.detail.providerCode).toBe(expected.code);
      if (expected.field !== undefined) expect(fault.detail.violations?.[0]?.field).toBe(expected.field);
      if (expected.message !== undefined) expect(fault.message).toBe(expected.message);
      expect(JSON.stringify([fault.message, fault.detail])).not.toMatch(/sk-proj|https?:|org-|proj_/);
    }
  });
});

function faultOf(action: () => unknown): Fault {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
  throw new Error('no fault was thrown');
}

const reasonOf = (action: () => unknown): string => faultOf(action).reason;
