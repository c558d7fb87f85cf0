import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import { validate } from './validate.ts';

const check = (fields: MessageInitShape<typeof ChatCompletionRequestSchema>) => () =>
  validate(create(ChatCompletionRequestSchema, { messages: [{ role: Role.USER, content: 'hi' }], ...fields }));

test.each([
  ['temperature', { temperature: Number.NaN }],
  ['top_p', { topP: Number.POSITIVE_INFINITY }],
  ['presence_penalty', { presencePenalty: Number.NEGATIVE_INFINITY }],
  ['frequency_penalty', { frequencyPenalty: Number.NaN }],
  ['logit_bias.7', { logitBias: { '7': Number.NaN } }],
  ['messages[0].role', { messages: [{ role: 99 as Role, content: 'hi' }] }],
])('%s that JSON has no word for is refused', (field, fields) => {
  expect(check(fields)).toThrow(
    expect.objectContaining({ detail: { violations: [expect.objectContaining({ field })] } }),
  );
});

const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
const schema = (parameters: string) => ({
  tools: [{ tool: { case: 'function' as const, value: { name: 'f', parameters } } }],
});

test('JSON text that is nested deeper than adapters may walk is refused', () => {
  const field = 'tools[0].function.parameters';
  expect(check(schema(nested(64)))).not.toThrow();
  expect(check(schema(nested(65)))).toThrow(
    expect.objectContaining({ detail: { violations: [{ field, description: 'is nested more than 64 levels deep' }] } }),
  );
  expect(check({ extra: { '*': nested(10_000) } })).toThrow(/nested more than 64/);
});

test('numbers at their ends are none of the gateway’s business', () => {
  expect(check({ temperature: 0, topP: -1, logitBias: { '7': 1e308 } })).not.toThrow();
});
