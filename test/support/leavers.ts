import { request as httpRequest } from 'node:http';
import { credentials, Metadata } from '@grpc/grpc-js';
import { ChatCompletionRequest, ChatServiceClient } from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { Role } from '../../gen/ts-proto/llmbridge/v1/content.ts';

/** A call under way, which its caller may leave. */
export interface OpenCall {
  /** Pieces of the answer so far. */
  readonly pieces: number;
  /** Resolves when the caller hears nothing more, however it ended. */
  readonly over: Promise<void>;
  leave(): void;
}

/** A caller who may go away at any moment. */
export interface Leaver {
  readonly name: string;
  call(model: string, stream: boolean, headers?: Readonly<Record<string, string>>): OpenCall;
  close(): void;
}

const content = 'Tell me what a good gateway does when its providers fail.';

/** Leaves by closing its HTTP/1.1 connection. */
export const jsonLeaver = (port: number): Leaver => ({
  name: 'JSON',
  call(model, stream, headers) {
    let pieces = 0;
    const request = httpRequest({
      port,
      host: '127.0.0.1',
      path: '/v1/chat/completions',
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      agent: false,
    });
    const over = new Promise<void>((resolve) => request.on('close', resolve));
    request.on('error', () => {});
    request.on('response', (response) => {
      response.on('error', () => {}).on('data', () => pieces++);
    });
    request.end(JSON.stringify({ model, stream, messages: [{ role: 'user', content }] }));
    return {
      get pieces() {
        return pieces;
      },
      over,
      leave: () => void request.destroy(),
    };
  },
  close() {},
});

/** Leaves by resetting its HTTP/2 stream; all its calls share a connection. */
export function grpcLeaver(port: number): Leaver {
  const client = new ChatServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
  return {
    name: 'gRPC',
    call(model, stream, headers = {}) {
      const metadata = new Metadata();
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
      const request = ChatCompletionRequest.fromPartial({ model, messages: [{ role: Role.ROLE_USER, content }] });
      let pieces = 0;
      const { promise: over, resolve } = Promise.withResolvers<void>();
      const answers = stream ? client.streamChatCompletion(request, metadata) : undefined;
      answers
        ?.on('data', () => pieces++)
        .on('error', () => resolve())
        .on('end', () => resolve());
      const call = answers ?? client.chatCompletion(request, metadata, () => resolve());
      return {
        get pieces() {
          return pieces;
        },
        over,
        leave: () => call.cancel(),
      };
    },
    close: () => client.close(),
  };
}
