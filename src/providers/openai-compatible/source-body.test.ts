import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import type { ProviderType } from '../../kernel/provider.ts';
import { openai } from '../openai/index.ts';
import { family } from './family/index.ts';

const typeOf = (name: string): ProviderType => family.find(({ type }) => type === name) ?? openai;

function sent(
  type: ProviderType,
  json: string,
  request: MessageInitShape<typeof ChatCompletionRequestSchema>,
  stream = false,
) {
  const { body, notes } = type.adapter({ name: 'x', basePath: '', headers: {}, options: {} }).encode({
    request: create(ChatCompletionRequestSchema, request),
    source: { dialect: 'openai', json },
    model: 'm',
    apiKey: '',
    stream,
  });
  return { body: String(body), notes: notes.map(({ name }) => name) };
}

test('only the model and the stream options are spliced: order, digits and spaces stay', () => {
  const json = '{ "seed": 12345678901234567890,"model":"x","stream":true, "tools":[{"2": 1, "1":2}] ,"messages":[ ]}';
  expect(sent(openai, json, {}, true).body).toBe(
    '{"seed":12345678901234567890,"model":"m","stream":true,"tools":[{"2": 1, "1":2}],"messages":[ ],"stream_options":{"include_usage":true}}',
  );
  expect(sent(openai, json, {}).body).toBe(
    '{"seed":12345678901234567890,"model":"m","tools":[{"2": 1, "1":2}],"messages":[ ]}',
  );
});

test("the caller's own stream options stay but for usage", () => {
  const json = '{"messages":[],"stream_options":{"include_obfuscation":false,"include_usage":false}}';
  expect(sent(openai, json, {}, true).body).toContain(
    '"stream_options":{"include_obfuscation":false,"include_usage":true}',
  );
});

test('the gateway’s own members reach no provider, routing at the provider is refused', () => {
  const json = '{"messages":[],"provider":"p","strict":true,"routing":{},"extra":{},"models":["other"],"base_url":"u"}';
  expect(sent(openai, json, {})).toEqual({ body: '{"messages":[],"model":"m"}', notes: ['models', 'base_url'] });
});

test('a conversation that this provider wants said otherwise is encoded anew, the rest stays', () => {
  const json = '{"messages":[{"role":"developer","content":"a"}],"seed":1,"temperature":1.0}';
  const request = { messages: [{ role: Role.DEVELOPER, content: 'a' }], seed: 1n, temperature: 1 };
  expect(sent(openai, json, request).body).toContain('"messages":[{"role":"developer","content":"a"}]');
  expect(sent(typeOf('mistral'), json, request)).toEqual({
    body: '{"messages":[{"role":"system","content":"a"}],"temperature":1.0,"model":"m","random_seed":1}',
    notes: ['seed'],
  });
});

test('reasoning of earlier turns goes only where it is taken', () => {
  const json = '{"messages":[{"role":"assistant","content":"b","reasoning_content":"a"}]}';
  const request = { messages: [{ role: Role.ASSISTANT, content: 'b', reasoningContent: 'a' }] };
  expect(sent(typeOf('deepseek'), json, request).body).toContain('"reasoning_content":"a"');
  expect(sent(typeOf('groq'), json, request).body).toContain('"reasoning":"a"');
  expect(sent(openai, json, request)).toEqual({
    body: '{"messages":[{"role":"assistant","content":"b"}],"model":"m"}',
    notes: ['messages[0].reasoning_content'],
  });
});
