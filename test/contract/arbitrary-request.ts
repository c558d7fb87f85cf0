import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { type ChatCompletionRequest, ChatCompletionRequestSchema } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import { ToolCallType, ToolChoiceMode } from '../../gen/es/llmbridge/v1/tool_pb.ts';

export type RequestInit = MessageInitShape<typeof ChatCompletionRequestSchema>;

const words = fc.string({ maxLength: 12 });
const name = fc.stringMatching(/^[a-z_]{1,8}$/);
const bytes = fc.uint8Array({ maxLength: 8 });
const url = fc.constantFrom('https://e.example/a', 's3://bucket/key', 'data:image/png;base64,AAAA', 'gs://b/k');
const jsonObject = fc
  .dictionary(name, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
  .map((value) => JSON.stringify(value));
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 3 });

/** The object without the members that are undefined: an optional field is absent, never undefined. */
const present = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));

const extra = fc.dictionary(fc.constantFrom('*', 'openai', 'anthropic', 'bedrock'), jsonObject, { maxKeys: 1 });
const cacheControl = maybe(fc.record({ type: fc.constantFrom('', 'ephemeral'), ttl: fc.constantFrom('', '5m', '1h') }));
const source = fc.oneof(
  fc.record({ case: fc.constant('data'), value: bytes }),
  fc.record({ case: fc.constant('url'), value: url }),
  fc.record({ case: fc.constant('fileId'), value: name }),
  fc.constant({ case: undefined }),
);
const mediaType = fc.constantFrom('', 'image/png', 'application/pdf', 'text/plain', 'video/mp4', 'application/zip');
const citation = fc.record({ url: words, title: words, native: fc.oneof(fc.constant(''), jsonObject) });

const variants = {
  text: fc.record({ text: words, citations: fc.array(citation, { maxLength: 2 }) }),
  image: fc.record({ source, mediaType, detail: fc.constantFrom('', 'low', 'auto') }),
  audio: fc.record({
    source: fc.record({ case: fc.constant('data'), value: bytes }),
    format: fc.constantFrom('', 'wav'),
  }),
  file: fc.record({ source, mediaType, filename: words }),
  video: fc.record({ source, mediaType }),
  refusal: fc.record({ refusal: words }),
  reasoning: fc.record({ text: words, signature: words, redacted: words, id: fc.constantFrom('', 'rs_1') }),
  toolCall: fc.record({ id: name }),
  native: fc.record({ provider: fc.constantFrom('anthropic', 'bedrock', 'openai', ''), json: jsonObject }),
};

const part = fc
  .record({
    part: fc.oneof(
      ...Object.entries(variants).map(([kind, value]) => fc.record({ case: fc.constant(kind), value: value as never })),
    ),
    cacheControl,
    extra,
  })
  .map(present);

const toolCall = fc.record({
  id: name,
  type: fc.constantFrom(ToolCallType.UNSPECIFIED, ToolCallType.FUNCTION, ToolCallType.CUSTOM),
  name,
  arguments: fc.oneof(jsonObject, words),
});

const message = fc
  .record({
    role: fc.constantFrom(Role.SYSTEM, Role.DEVELOPER, Role.USER, Role.ASSISTANT, Role.TOOL, Role.FUNCTION),
    content: words,
    parts: fc.array(part, { maxLength: 3 }),
    toolCalls: fc.array(toolCall, { maxLength: 2 }),
    toolCallId: name,
    name: fc.constantFrom('', 'bob'),
    reasoningContent: words,
    refusal: fc.constantFrom('', 'no'),
    isError: maybe(fc.boolean()),
    cacheControl,
  })
  .map(present);

const tool = fc
  .record({
    tool: fc.oneof(
      fc.record({
        case: fc.constant('function'),
        value: fc.record({ name, parameters: fc.oneof(jsonObject, fc.constant('')) }),
      }),
      fc.record({ case: fc.constant('custom'), value: fc.record({ name }) }),
      fc.record({
        case: fc.constant('native'),
        value: fc.record({ provider: fc.constantFrom('', 'anthropic'), json: jsonObject }),
      }),
    ),
    cacheControl,
  })
  .map(present);

const format = fc.oneof(
  fc.constant({ format: { case: 'text', value: {} } }),
  fc.constant({ format: { case: 'jsonObject', value: {} } }),
  jsonObject.map((schema) => ({ format: { case: 'jsonSchema', value: { name: 'answer', schema } } })),
  fc.constant({ format: { case: 'grammar', value: { syntax: 'lark', definition: 'x' } } }),
);

/** Any request that a caller may make, as far as its parts are valid each by itself. */
export const anyRequest: fc.Arbitrary<ChatCompletionRequest> = fc
  .record({
    messages: fc.array(message, { minLength: 1, maxLength: 5 }),
    temperature: maybe(fc.double({ min: 0, max: 2, noNaN: true })),
    topP: maybe(fc.double({ min: 0, max: 1, noNaN: true })),
    topK: maybe(fc.nat(100)),
    maxTokens: maybe(fc.integer({ min: 1, max: 100_000 })),
    stop: fc.array(words, { maxLength: 2 }),
    n: maybe(fc.integer({ min: 1, max: 3 })),
    seed: maybe(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    tools: fc.array(tool, { maxLength: 2 }),
    toolChoice: maybe(
      fc.record({ mode: fc.constantFrom(...Object.values(ToolChoiceMode)), name: fc.constantFrom('', 'a') }),
    ),
    parallelToolCalls: maybe(fc.boolean()),
    responseFormat: maybe(format),
    reasoningEffort: maybe(fc.constantFrom('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max')),
    reasoning: maybe(fc.record({ maxTokens: fc.nat(50_000) })),
    serviceTier: maybe(fc.constantFrom('auto', 'default', 'flex', 'priority')),
    metadata: fc.dictionary(name, words, { maxKeys: 2 }),
    extra,
  })
  .map((init) => create(ChatCompletionRequestSchema, present(init) as RequestInit));
