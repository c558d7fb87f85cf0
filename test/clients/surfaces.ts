import { promisify } from 'node:util';
import { ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { BadRequestSchema, RetryInfoSchema } from '../../gen/es/google/rpc/error_details_pb.ts';
import { ChatService } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { ChatCompletionRequest, ChatServiceClient } from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { connectFailure } from './connect.ts';
import { detailsOf, failureOf } from './grpc-status.ts';

/** A request that fails, in the terms that all surfaces share. */
export interface FailingRequest {
  readonly model: string;
  /** One user message of this text; no message at all where undefined. */
  readonly content: string | undefined;
  /** The caller's deadline, in milliseconds. */
  readonly timeoutMs?: number;
}

/** How a surface told of the failure, and what it had sent before. */
interface Told {
  readonly text: string;
  /** gRPC code name; undefined on the JSON surface. */
  readonly code?: string;
  readonly reason?: string;
  readonly message: string;
  /** Fields of BadRequest, or OpenAI's `param`. */
  readonly fields: readonly string[];
  /** RetryInfo or Retry-After, in seconds. */
  readonly retryAfter?: number;
  /** The JSON surface's status and error. */
  readonly http?: { readonly status: number; readonly type: string; readonly code: string | null };
}

/** One protocol on the port. */
export interface Surface {
  readonly name: string;
  /** Asks, whole or streamed, and returns how it failed; rejects if it did not fail. */
  fail(port: number, stream: boolean, request: FailingRequest): Promise<Told>;
}

const messages = (request: FailingRequest) =>
  request.content === undefined ? [] : [{ role: 3 as const, content: request.content }];

const notFailed = (text: string) => new Error(`the call did not fail; it said: ${text}`);

const grpc: Surface = {
  name: 'gRPC',
  async fail(port, stream, request) {
    const client = new ChatServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
    const message = ChatCompletionRequest.fromPartial({ model: request.model, messages: messages(request) });
    const options = request.timeoutMs === undefined ? {} : { deadline: Date.now() + request.timeoutMs };
    let text = '';
    try {
      if (stream) {
        for await (const chunk of client.streamChatCompletion(message, new Metadata(), options)) {
          text += chunk.choices[0]?.delta?.content ?? '';
        }
      } else {
        const call = promisify((callback: (error: ServiceError | null) => void) =>
          client.chatCompletion(message, new Metadata(), options, callback),
        );
        await call();
      }
    } catch (thrown) {
      const error = thrown as ServiceError;
      const details = detailsOf(error);
      const retry = details.retry?.retryDelay;
      return {
        text,
        ...failureOf(error),
        fields: details.badRequest?.fieldViolations.map(({ field }) => field) ?? [],
        ...(retry && { retryAfter: Number(retry.seconds) + retry.nanos / 1e9 }),
      };
    } finally {
      client.close();
    }
    throw notFailed(text);
  },
};

const overConnect = (name: string, transport: (baseUrl: string) => Transport): Surface => ({
  name,
  async fail(port, stream, request) {
    const client = createClient(ChatService, transport(`http://127.0.0.1:${port}`));
    const message = { model: request.model, messages: messages(request) };
    const options = request.timeoutMs === undefined ? {} : { timeoutMs: request.timeoutMs };
    let text = '';
    try {
      if (!stream) await client.chatCompletion(message, options);
      else {
        for await (const chunk of client.streamChatCompletion(message, options)) {
          text += chunk.choices[0]?.delta?.content ?? '';
        }
      }
    } catch (thrown) {
      const error = ConnectError.from(thrown);
      const retry = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
      return {
        text,
        ...connectFailure(error),
        fields: error.findDetails(BadRequestSchema).flatMap((bad) => bad.fieldViolations.map(({ field }) => field)),
        ...(retry && { retryAfter: Number(retry.seconds) + retry.nanos / 1e9 }),
      };
    }
    throw notFailed(text);
  },
});

interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

const json: Surface = {
  name: 'OpenAI-shaped JSON',
  async fail(port, stream, request) {
    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: request.model,
        messages: request.content === undefined ? [] : [{ role: 'user', content: request.content }],
        stream,
      }),
    });
    const body = await response.text();
    let text = '';
    let failed: ErrorBody | undefined;
    if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
      for (const event of body.split('\n\n')) {
        const data = event.match(/^data: (.*)$/m)?.[1];
        if (data === undefined) continue;
        if (data === '[DONE]') throw notFailed(body);
        const chunk = JSON.parse(data) as ErrorBody & { choices?: { delta: { content?: string } }[] };
        text += chunk.choices?.[0]?.delta.content ?? '';
        if (chunk.error) failed = chunk;
      }
    } else failed = JSON.parse(body) as ErrorBody;
    if (failed?.error === undefined) throw notFailed(body);
    const { message, type, code, param } = failed.error;
    const retryAfter = response.headers.get('retry-after');
    return {
      text,
      message,
      fields: param === null ? [] : [param],
      ...(retryAfter !== null && { retryAfter: Number(retryAfter) }),
      http: { status: response.status, type, code },
    };
  },
};

/** Every protocol on the port. */
export const surfaces: readonly Surface[] = [
  grpc,
  overConnect('Connect', (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1' })),
  overConnect('Connect JSON over HTTP/2', (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: false }),
  ),
  overConnect('gRPC-web', (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' })),
  json,
];
