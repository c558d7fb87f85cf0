import { request as httpRequest } from 'node:http';
import { credentials, Metadata } from '@grpc/grpc-js';
import {
  ChatCompletionRequest,
  ChatServiceClient,
  type StreamChatCompletionResponse,
} from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { Role } from '../../gen/ts-proto/llmbridge/v1/content.ts';

type Headers = Readonly<Record<string, string>>;

/** A stream whose caller stops reading at its first piece. */
export interface SlowStream {
  /** The first piece is there, and nothing more is read. */
  readonly stopped: Promise<void>;
  /** Reads on. */
  resume(): void;
  /** The whole text once the answer has ended well; undefined where it was cut. */
  readonly text: Promise<string | undefined>;
}

/** Asks a gateway for a stream. */
export type SlowReader = (port: number, model: string, headers?: Headers) => SlowStream;

const content = 'Say much.';
const dataPrefix = 'data: ';

export const slowSse: SlowReader = (port, model, headers) => {
  const stopped = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<string | undefined>();
  const request = httpRequest({
    ...{ port, host: '127.0.0.1', path: '/v1/chat/completions', method: 'POST', agent: false },
    headers: { 'content-type': 'application/json', ...headers },
  });
  let resume = () => {};
  request.on('error', () => {});
  request.on('close', () => {
    stopped.resolve();
    ended.resolve(undefined);
  });
  request.on('response', (response) => {
    resume = () => response.resume();
    let [text, rest, done] = ['', '', false];
    response.on('error', () => {});
    response.setEncoding('utf8').on('data', (piece: string) => {
      const lines = (rest + piece).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line === 'data: [DONE]') done = true;
        else if (line.startsWith(dataPrefix)) text += contentOf(line.slice(dataPrefix.length));
      }
    });
    response.once('data', () => {
      response.pause();
      stopped.resolve();
    });
    response.on('end', () => ended.resolve(done ? text : undefined));
  });
  request.end(JSON.stringify({ model, stream: true, messages: [{ role: 'user', content }] }));
  return { stopped: stopped.promise, resume: () => resume(), text: ended.promise };
};

const contentOf = (json: string): string => {
  const { choices = [] } = JSON.parse(json) as { choices?: readonly { delta?: { content?: string } }[] };
  return choices[0]?.delta?.content ?? '';
};

export const slowGrpc: SlowReader = (port, model, headers = {}) => {
  const stopped = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<string | undefined>();
  const client = new ChatServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const stream = client.streamChatCompletion(
    ChatCompletionRequest.fromPartial({ model, messages: [{ role: Role.ROLE_USER, content }] }),
    metadata,
  );
  const pieces: string[] = [];
  const end = (text: string | undefined) => {
    stopped.resolve();
    ended.resolve(text);
    client.close();
  };
  stream.on('data', ({ choices }: StreamChatCompletionResponse) => {
    for (const { delta } of choices) pieces.push(delta?.content ?? '');
  });
  stream.once('data', () => {
    stream.pause();
    stopped.resolve();
  });
  stream.on('error', () => end(undefined)).on('end', () => end(pieces.join('')));
  return { stopped: stopped.promise, resume: () => stream.resume(), text: ended.promise };
};
