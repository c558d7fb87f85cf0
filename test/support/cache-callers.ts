import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  type ChatCompletionRequestSchema,
  type ChatCompletionResponse,
  ChatCompletionResponseSchema,
  ChatService,
  type StreamChatCompletionResponse,
  StreamChatCompletionResponseSchema,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import * as wire from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { ChatCompletionRequest, ChatServiceClient } from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { collect } from '../../src/kernel/collect.ts';
import { connectFailure } from '../clients/connect.ts';
import { failureOf } from '../clients/grpc-status.ts';

/** What came of a call, in terms that all entrances share. */
export interface Got {
  readonly content: string;
  readonly reasoning: string;
  readonly calls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
  readonly finish: string;
  readonly usage: readonly [prompt: number, completion: number] | undefined;
  readonly pieces: number;
  /** Of the report. */
  readonly cache: string;
  readonly hit: boolean;
  readonly attempts: number;
  readonly cost: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** The reason of the failure; empty for none. */
  readonly failure: string;
}

export interface Asked {
  readonly model: string;
  readonly content?: string;
  readonly tool?: string;
  readonly temperature?: number;
  /** Sent along with the call. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface CacheCaller {
  readonly name: string;
  readonly stream: boolean;
  ask(port: number, asked: Asked): Promise<Got>;
}

const finishes = ['', 'stop', 'length', 'tool_calls', 'content_filter'];
const nothing = { content: '', reasoning: '', calls: [], finish: '', usage: undefined, pieces: 0 };
const failed = (failure: string, headers: Got['headers']): Got => ({
  ...nothing,
  cache: '',
  hit: false,
  attempts: 0,
  cost: undefined,
  headers,
  failure,
});

/** What a message of the contract says; `pieces` are its chunks. */
function read(response: ChatCompletionResponse, pieces: number, headers: Got['headers']): Got {
  const [choice] = response.choices;
  const { usage, report } = response;
  return {
    content: choice?.message?.content ?? '',
    reasoning: choice?.message?.reasoningContent ?? '',
    calls: (choice?.message?.toolCalls ?? []).map(({ id, name, arguments: args }) => ({ id, name, arguments: args })),
    finish: finishes[choice?.finishReason ?? 0] ?? '',
    usage: usage && [usage.promptTokens, usage.completionTokens],
    pieces,
    cache: report?.cache ?? '',
    hit: report?.cacheHit ?? false,
    attempts: report?.attempts.length ?? 0,
    cost: report?.costUsd,
    headers,
    failure: '',
  };
}

const schema = '{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}';

function init({
  model,
  content = 'hi',
  tool,
  temperature,
}: Asked): MessageInitShape<typeof ChatCompletionRequestSchema> {
  return {
    model,
    messages: [{ role: Role.USER, content }],
    ...(temperature !== undefined && { temperature }),
    ...(tool !== undefined && {
      tools: [{ tool: { case: 'function' as const, value: { name: tool, parameters: schema } } }],
    }),
  };
}

const overConnect = (name: string, stream: boolean, transport: (baseUrl: string) => Transport): CacheCaller => ({
  name,
  stream,
  async ask(port, asked) {
    const client = createClient(ChatService, transport(`http://127.0.0.1:${port}`));
    let headers: Got['headers'] = {};
    const options = {
      headers: { ...asked.headers },
      onHeader: (received: Headers) => {
        headers = Object.fromEntries(received);
      },
      ...(asked.signal && { signal: asked.signal }),
    };
    try {
      if (!stream) return read(await client.chatCompletion(init(asked), options), 1, headers);
      const chunks: StreamChatCompletionResponse[] = [];
      for await (const chunk of client.streamChatCompletion(init(asked), options)) chunks.push(chunk);
      return read(collect(chunks), chunks.length, headers);
    } catch (thrown) {
      return failed(connectFailure(thrown as Error).reason, headers);
    }
  },
});

/** By the generated client on grpc-js. */
const overGrpcJs = (stream: boolean): CacheCaller => ({
  name: `grpc-js${stream ? ', streamed' : ''}`,
  stream,
  async ask(port, asked) {
    const client = new ChatServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
    const { model, content = 'hi', tool, temperature } = asked;
    const request = ChatCompletionRequest.fromPartial({
      model,
      messages: [{ role: 3, content }],
      ...(temperature !== undefined && { temperature }),
      ...(tool !== undefined && { tools: [{ function: { name: tool, parameters: schema } }] }),
    });
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(asked.headers ?? {})) metadata.set(key, value);
    let headers: Got['headers'] = {};
    const onMetadata = (received: Metadata) => {
      headers = Object.fromEntries(Object.entries(received.getMap()).map(([key, value]) => [key, String(value)]));
    };
    try {
      if (!stream) {
        const whole = await new Promise<wire.ChatCompletionResponse>((resolve, reject) => {
          const call = client.chatCompletion(request, metadata, (error, response) =>
            error === null ? resolve(response) : reject(error),
          );
          call.on('metadata', onMetadata);
          asked.signal?.addEventListener('abort', () => call.cancel());
        });
        return read(
          fromBinary(ChatCompletionResponseSchema, wire.ChatCompletionResponse.encode(whole).finish()),
          1,
          headers,
        );
      }
      const call = client.streamChatCompletion(request, metadata);
      call.on('metadata', onMetadata);
      asked.signal?.addEventListener('abort', () => call.cancel());
      const chunks: StreamChatCompletionResponse[] = [];
      for await (const chunk of call as AsyncIterable<wire.StreamChatCompletionResponse>) {
        const bytes = wire.StreamChatCompletionResponse.encode(chunk).finish();
        chunks.push(fromBinary(StreamChatCompletionResponseSchema, bytes));
      }
      return read(collect(chunks), chunks.length, headers);
    } catch (thrown) {
      return failed(failureOf(thrown as ServiceError).reason, headers);
    } finally {
      client.close();
    }
  },
});

interface JsonChoice {
  readonly message?: JsonMessage;
  readonly delta?: JsonMessage;
  readonly finish_reason?: string | null;
}
interface JsonMessage {
  readonly content?: string | null;
  readonly reasoning_content?: string | null;
  readonly tool_calls?: readonly {
    readonly index?: number;
    readonly id?: string;
    readonly function?: { readonly name?: string; readonly arguments?: string };
  }[];
}
interface JsonAnswer {
  readonly choices?: readonly JsonChoice[];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
  readonly llmbridge?: {
    readonly cache?: string;
    readonly cache_hit?: boolean;
    readonly attempts?: readonly unknown[];
    readonly cost_usd?: number;
  };
  readonly error?: { readonly code: string | null };
}

/** Puts the pieces of a JSON answer together. */
function gather(pieces: readonly JsonAnswer[], headers: Got['headers']): Got {
  const got = { ...failed('', headers), content: '', reasoning: '' };
  const calls: { id: string; name: string; arguments: string }[] = [];
  let out: Got = { ...got, pieces: pieces.length };
  for (const { choices = [], usage, llmbridge, error } of pieces) {
    for (const { message, delta, finish_reason } of choices) {
      const said = message ?? delta ?? {};
      for (const [at, call] of (said.tool_calls ?? []).entries()) {
        const index = call.index ?? at;
        calls[index] ??= { id: '', name: '', arguments: '' };
        const known = calls[index];
        known.id ||= call.id ?? '';
        known.name ||= call.function?.name ?? '';
        known.arguments += call.function?.arguments ?? '';
      }
      out = {
        ...out,
        content: out.content + (said.content ?? ''),
        reasoning: out.reasoning + (said.reasoning_content ?? ''),
        finish: finish_reason ?? out.finish,
      };
    }
    if (usage) out = { ...out, usage: [usage.prompt_tokens, usage.completion_tokens] };
    if (error) out = { ...out, failure: error.code?.toUpperCase() ?? 'error' };
    if (llmbridge)
      out = {
        ...out,
        cache: llmbridge.cache ?? '',
        hit: llmbridge.cache_hit ?? false,
        attempts: llmbridge.attempts?.length ?? 0,
        cost: llmbridge.cost_usd,
      };
  }
  return { ...out, calls };
}

const overJson = (stream: boolean): CacheCaller => ({
  name: stream ? 'SSE' : 'JSON',
  stream,
  async ask(port, { model, content = 'hi', tool, temperature, headers = {}, signal }) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        ...(signal && { signal }),
        body: JSON.stringify({
          messages: [{ role: 'user', content }],
          model,
          ...(stream && { stream, stream_options: { include_usage: true } }),
          ...(temperature !== undefined && { temperature }),
          ...(tool !== undefined && {
            tools: [{ type: 'function', function: { name: tool, parameters: JSON.parse(schema) as unknown } }],
          }),
        }),
      });
      const text = await response.text();
      const received = Object.fromEntries(response.headers);
      if (!stream || !response.ok) return gather([JSON.parse(text) as JsonAnswer], received);
      const events = [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, json = '']) => JSON.parse(json) as JsonAnswer);
      return gather(events, received);
    } catch (thrown) {
      if (signal?.aborted) return failed('CANCELLED', {});
      throw thrown;
    }
  },
});

/** Every entrance, whole and streamed. */
export const cacheCallers: readonly CacheCaller[] = [false, true].flatMap((stream) => [
  overGrpcJs(stream),
  overConnect(`gRPC by connect-es${stream ? ', streamed' : ''}`, stream, (baseUrl) => createGrpcTransport({ baseUrl })),
  overConnect(`gRPC-web${stream ? ', streamed' : ''}`, stream, (baseUrl) =>
    createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
  ),
  overConnect(`Connect${stream ? ', streamed' : ''}`, stream, (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: '1.1' }),
  ),
  overConnect(`Connect in JSON${stream ? ', streamed' : ''}`, stream, (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false }),
  ),
  overJson(stream),
]);
