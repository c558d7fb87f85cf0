import { readFileSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import {
  type ChatCompletionRequest,
  ChatCompletionRequestSchema,
  type ChatCompletionResponse,
  type StreamChatCompletionResponse,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { type Message, MessageSchema, Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import type { EncodedRequest, ProviderAdapter } from '../../src/kernel/adapter.ts';
import { collect } from '../../src/kernel/collect.ts';
import type { ProviderType } from '../../src/kernel/provider.ts';
import { createFramer } from '../../src/upstream/framing/index.ts';

/** An instance without a path, headers or options. */
export const adapterOf = (type: ProviderType): ProviderAdapter =>
  type.adapter({ name: type.type, basePath: '', headers: {}, options: {} });

/** A fixture's bytes. */
export const fixture = (path: string): Buffer => readFileSync(new URL(`fixtures/${path}`, import.meta.url));

/** The chunks of a streamed body that comes in pieces of `size` bytes. */
export function chunksOf(adapter: ProviderAdapter, body: Uint8Array, size: number): StreamChatCompletionResponse[] {
  const framer = createFramer(adapter.framing);
  const decoder = adapter.decoder();
  const chunks: StreamChatCompletionResponse[] = [];
  const emit = (chunk: StreamChatCompletionResponse) => chunks.push(chunk);
  for (let at = 0; at < body.length; at += size) {
    framer.push(body.subarray(at, at + size), (frame) => decoder.push(frame, emit));
  }
  framer.end((frame) => decoder.push(frame, emit));
  decoder.end(emit);
  return chunks;
}

/** A streamed body's answer, collected. */
export const collected = (adapter: ProviderAdapter, body: Uint8Array, size: number): ChatCompletionResponse =>
  collect(chunksOf(adapter, body, size));

/** A request, encoded for `model`. */
export function encoded(
  adapter: ProviderAdapter,
  model: string,
  request: Partial<Omit<ChatCompletionRequest, '$typeName'>>,
): EncodedRequest {
  const whole = create(ChatCompletionRequestSchema, request);
  return adapter.encode({ request: whole, source: undefined, model, apiKey: 'key', stream: false });
}

/** The first answer's message. */
export function messageOf(response: ChatCompletionResponse): Message {
  const message = response.choices[0]?.message;
  if (message === undefined) throw new Error('an answer without a message');
  return message;
}

export const user = (content: string): Message => create(MessageSchema, { role: Role.USER, content });
