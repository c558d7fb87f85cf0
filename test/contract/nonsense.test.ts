import { toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ChatCompletionResponseSchema,
  StreamChatCompletionResponseSchema,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { ProviderAdapter } from '../../src/kernel/adapter.ts';
import { Fault } from '../../src/kernel/fault.ts';
import { openai } from '../../src/providers/openai/index.ts';
import { family } from '../../src/providers/openai-compatible/family/index.ts';
import { adapterOf, fixture } from './dialect.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

interface Answer {
  readonly whole: Json;
  readonly stream: readonly Json[];
}

const fixtures = JSON.parse(String(fixture('openai/answers.json'))) as readonly Answer[];

const responses = ['thinking-tools', 'server-tools'].map((name): Answer => {
  const events = String(fixture(`openai-responses/${name}.sse`)).split('\n');
  const data = events.filter((line) => line.startsWith('data: ')).map((line) => line.slice('data: '.length));
  return {
    whole: JSON.parse(String(fixture(`openai-responses/${name}.body`))) as Json,
    stream: data.map((event) => JSON.parse(event) as Json),
  };
});

const speakers: readonly { name: string; adapter: ProviderAdapter; answers: readonly Answer[] }[] = [
  ...[openai, ...family.filter(({ type }) => type === 'openrouter' || type === 'minimax')].map((type) => ({
    name: type.type,
    adapter: adapterOf(type),
    answers: fixtures,
  })),
  {
    name: "openai's Responses",
    adapter: openai.adapter({ name: 'openai', basePath: '', headers: {}, options: { api: 'responses' } }),
    answers: responses,
  },
];

/** A value with the node that `at` picks replaced. */
function mutated(value: Json, at: number, by: Json): Json {
  let left = at;
  const visit = (node: Json): Json => {
    if (left-- === 0) return by;
    if (Array.isArray(node)) return node.map(visit);
    if (node === null || typeof node !== 'object') return node;
    return Object.fromEntries(Object.entries(node).map(([key, child]) => [key, visit(child)]));
  };
  return visit(value);
}

const anything = fc.oneof(
  fc.constantFrom<Json>(null, '', 'x', '\ud800', -1, 1.5, 1e20, 2 ** 32, true, [], {}, [null], [[]], { error: 'e' }),
  fc.jsonValue() as fc.Arbitrary<Json>,
);

/** Runs an action that may refuse its input, but only with a Fault. */
function orFault(action: () => void): void {
  try {
    action();
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
  }
}

describe.each(speakers)('$name', ({ adapter, answers }) => {
  test('a whole answer with anything in any place is read or a fault, and what was read can be sent on', () => {
    fc.assert(
      fc.property(fc.constantFrom(...answers), fc.nat(60), anything, ({ whole }, at, by) => {
        orFault(() => {
          const response = adapter.decode(Buffer.from(JSON.stringify(mutated(whole, at, by))));
          expect(toBinary(ChatCompletionResponseSchema, response).length).toBeGreaterThan(0);
        });
      }),
      { numRuns: 3000 },
    );
  });

  test('so is a streamed one', () => {
    fc.assert(
      fc.property(fc.constantFrom(...answers), fc.nat(40), fc.nat(30), anything, ({ stream }, nth, at, by) => {
        const decoder = adapter.decoder();
        orFault(() => {
          for (const [i, event] of stream.entries()) {
            const data = event === '[DONE]' ? event : JSON.stringify(i === nth ? mutated(event, at, by) : event);
            decoder.push({ event: '', data: String(data) }, (chunk) => {
              toBinary(StreamChatCompletionResponseSchema, chunk);
            });
          }
          decoder.end(() => {});
        });
      }),
      { numRuns: 3000 },
    );
  });

  test('and a failure is always a fault that says whose doing it is', () => {
    const headers = fc.dictionary(fc.constantFrom('retry-after', 'retry-after-ms', 'content-type'), fc.string());
    fc.assert(
      fc.property(
        fc.integer({ min: 300, max: 599 }),
        headers,
        fc.oneof(
          anything.map((v) => JSON.stringify({ error: v })),
          anything.map((v) => JSON.stringify(v)),
          fc.string(),
        ),
        (status, given, body) => {
          const fault = adapter.fault({ status, headers: given, body: Buffer.from(body), now: 0 });
          expect(fault).toBeInstanceOf(Fault);
          expect(fault.detail.blame).toBeDefined();
          expect(fault.message).not.toBe('');
        },
      ),
      { numRuns: 3000 },
    );
  });
});
