import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  ChatCompletionRequestSchema,
  ChatCompletionResponseSchema,
  StreamChatCompletionResponseSchema,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import { collect } from '../../src/kernel/collect.ts';
import { type FaultReason, faults } from '../../src/kernel/fault.ts';
import { detailsOf } from '../clients/grpc-status.ts';
import { type JsonAnswer, meaningOfJson } from '../contract/json-meaning.ts';
import { type Meaning, meaningOf } from '../contract/oracle.ts';

/** What came of a call: an answer's meaning, or how it failed. */
export type Outcome = { readonly meaning: Meaning } | { readonly failure: Failure };

export interface Failure {
  readonly message: string;
  /** Whether it is of one of these reasons, as far as the surface tells. */
  is(reasons: readonly FaultReason[]): boolean;
}

/** One surface of the gateway. */
export interface CorpusCaller {
  readonly name: string;
  ask(instance: string, model: string, stream: boolean): Promise<Outcome>;
  close(): void;
}

const path = '/llmbridge.v1.ChatService/';

/** Over gRPC, the generated messages being the server's own so that no conversion stands between. */
export function grpcCaller(port: number): CorpusCaller {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const request = (instance: string, model: string) =>
    create(ChatCompletionRequestSchema, {
      provider: instance,
      model,
      messages: [{ role: Role.USER, content: 'hello' }],
    });
  const bytesOf = (message: ReturnType<typeof request>) => Buffer.from(toBinary(ChatCompletionRequestSchema, message));
  const whole = (message: ReturnType<typeof request>): Promise<Meaning> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        `${path}ChatCompletion`,
        bytesOf,
        (bytes) => fromBinary(ChatCompletionResponseSchema, bytes),
        message,
        new Metadata(),
        (error, response) => {
          if (error) reject(error);
          else if (response) resolve(meaningOf(response));
          else reject(new Error('neither answer nor error'));
        },
      );
    });
  const streamed = async (message: ReturnType<typeof request>): Promise<Meaning> => {
    const chunks: Parameters<typeof collect>[0] extends Iterable<infer Chunk> ? Chunk[] : never = [];
    const decode = (bytes: Buffer) => fromBinary(StreamChatCompletionResponseSchema, bytes);
    for await (const chunk of client.makeServerStreamRequest(`${path}StreamChatCompletion`, bytesOf, decode, message)) {
      chunks.push(chunk);
    }
    return meaningOf(collect(chunks));
  };
  return {
    name: 'gRPC',
    close: () => client.close(),
    async ask(instance, model, stream) {
      try {
        return { meaning: await (stream ? streamed : whole)(request(instance, model)) };
      } catch (thrown) {
        const error = thrown as ServiceError;
        const reason = detailsOf(error).info?.reason;
        return { failure: { message: error.details, is: (reasons) => reasons.some((each) => each === reason) } };
      }
    },
  };
}

interface JsonError {
  readonly message: string;
  readonly type: string;
}

const failed = ({ message, type }: JsonError, status?: number): Outcome => ({
  failure: {
    message,
    is: (reasons) =>
      reasons.some((each) => faults[each].type === type && (status === undefined || faults[each].http === status)),
  },
});

/** Over the OpenAI-shaped surface. */
export function jsonCaller(port: number): CorpusCaller {
  return {
    name: 'JSON',
    close: () => {},
    async ask(provider, model, stream) {
      const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          provider,
          model,
          messages: [{ role: 'user', content: 'hello' }],
          ...(stream && { stream, stream_options: { include_usage: true } }),
        }),
      });
      const text = await response.text();
      if (response.status !== 200) return failed((JSON.parse(text) as { error: JsonError }).error, response.status);
      if (!stream) return { meaning: meaningOfJson([JSON.parse(text) as JsonAnswer]) };
      const events = text.split('\n\n').flatMap((event) => event.match(/^data: (.*)$/m)?.[1] ?? []);
      const chunks = events
        .filter((event) => event !== '[DONE]')
        .map((event) => JSON.parse(event) as JsonAnswer & { readonly error?: JsonError });
      const error = chunks.find((chunk) => chunk.error !== undefined)?.error;
      if (error !== undefined) return failed(error);
      if (events.at(-1) !== '[DONE]') throw new Error('a stream with neither its end nor an error');
      return { meaning: meaningOfJson(chunks) };
    },
  };
}
