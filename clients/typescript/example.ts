// Sealed calls in TypeScript:
//
//   SEALING_KEY_ID=k1 SEALING_SECRET=... API_KEY=... SEALING_USER=alice \
//     node clients/typescript/example.ts SURFACE http://127.0.0.1:8080 MODEL "Hello"
//
// SURFACE is connect, grpc (by grpc-js) or http (by the openai SDK), or one of them with -stream behind it. SEALING_SECRET is
// base64; SEALING_USER is whom the gateway takes the caller with this API_KEY for. An anonymous caller sets neither.
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { credentials, Metadata } from '@grpc/grpc-js';
import OpenAI from 'openai';
import { ChatService } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import {
  ChatCompletionRequest,
  type ChatCompletionResponse,
  ChatServiceClient,
  ChatServiceService,
  type StreamChatCompletionResponse,
} from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { sealingInterceptor } from './connect.ts';
import { sealedFetch } from './fetch.ts';
import { sealingInterceptor as grpcSealingInterceptor } from './grpc.ts';
import { SealError, Sealer } from './sealing.ts';

const { SEALING_KEY_ID = '', SEALING_SECRET = '', SEALING_USER = '', API_KEY = '' } = process.env;
const sealer = new Sealer({
  keyId: SEALING_KEY_ID,
  secret: Buffer.from(SEALING_SECRET, 'base64'),
  user: SEALING_USER,
});

interface Question {
  readonly url: string;
  readonly model: string;
  readonly content: string;
  readonly stream: boolean;
}

/** The pieces of an answer: one of a whole one. */
type Ask = (question: Question) => AsyncGenerator<string>;

const overConnect: Ask = async function* ({ url, model, content, stream }) {
  const interceptors = [sealingInterceptor(sealer)];
  const client = createClient(ChatService, createConnectTransport({ baseUrl: url, httpVersion: '1.1', interceptors }));
  const request = { model, messages: [{ role: Role.USER, content }] };
  const options = { headers: API_KEY === '' ? {} : { 'x-api-key': API_KEY } };
  if (stream) {
    for await (const chunk of client.streamChatCompletion(request, options))
      yield chunk.choices[0]?.delta?.content ?? '';
    return;
  }
  const answer = await client.chatCompletion(request, options);
  yield answer.choices[0]?.message?.content ?? '';
};

const overGrpc: Ask = async function* ({ url, model, content, stream }) {
  const interceptors = [grpcSealingInterceptor(sealer, ChatServiceService)];
  const client = new ChatServiceClient(new URL(url).host, credentials.createInsecure(), { interceptors });
  const request = ChatCompletionRequest.fromPartial({ model, messages: [{ role: Role.USER, content }] });
  const metadata = new Metadata();
  if (API_KEY !== '') metadata.set('x-api-key', API_KEY);
  if (stream) {
    const chunks: AsyncIterable<StreamChatCompletionResponse> = client.streamChatCompletion(request, metadata);
    for await (const chunk of chunks) yield chunk.choices[0]?.delta?.content ?? '';
    return;
  }
  const answer = await new Promise<ChatCompletionResponse>((resolve, reject) => {
    client.chatCompletion(request, metadata, (error, response) => (error ? reject(error) : resolve(response)));
  });
  yield answer.choices[0]?.message?.content ?? '';
};

const overHttp: Ask = async function* ({ url, model, content, stream }) {
  const client = new OpenAI({
    baseURL: `${url}/v1`,
    apiKey: API_KEY === '' ? 'none' : API_KEY,
    maxRetries: 0,
    fetch: sealedFetch(sealer),
  });
  const messages = [{ role: 'user' as const, content }];
  if (stream) {
    for await (const chunk of await client.chat.completions.create({ model, messages, stream }))
      yield chunk.choices[0]?.delta.content ?? '';
    return;
  }
  const answer = await client.chat.completions.create({ model, messages });
  yield answer.choices[0]?.message.content ?? '';
};

const surfaces: Readonly<Record<string, Ask>> = { connect: overConnect, grpc: overGrpc, http: overHttp };

const [surface = '', url = '', model = '', content = ''] = process.argv.slice(2);
const ask = surfaces[surface.replace(/-stream$/, '')];
if (ask === undefined) throw new Error('which surface: connect, grpc or http, or one of them with -stream?');
try {
  for await (const piece of ask({ url, model, content, stream: surface.endsWith('-stream') }))
    process.stdout.write(piece);
  process.stdout.write('\n');
} catch (error) {
  // The openai SDK takes a refused answer for a broken connection; the reason is its cause.
  const { message, cause } = error as Error;
  console.error(cause instanceof SealError ? cause.message : message);
  process.exitCode = 1;
}
