/** What runs in the page: the same call over Connect and over gRPC-web, by @connectrpc/connect-web; and sealed ones. */
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { sealingInterceptor } from '../../../clients/typescript/connect.ts';
import { sealedFetch } from '../../../clients/typescript/fetch.ts';
import { Sealer } from '../../../clients/typescript/sealing.ts';
import { ChatService } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { Answer, Mode, Question } from '../caller.ts';
import { askOver } from '../connect.ts';

export type BrowserProtocol = 'connect' | 'connect-json' | 'grpc-web';

function transport(protocol: BrowserProtocol, baseUrl: string) {
  if (protocol === 'grpc-web') return createGrpcWebTransport({ baseUrl });
  return createConnectTransport({ baseUrl, useBinaryFormat: protocol === 'connect' });
}

/** Asks once; called from the test through the page. */
export const ask = (protocol: BrowserProtocol, baseUrl: string, mode: Mode, question: Question): Promise<Answer> =>
  askOver(transport(protocol, baseUrl), mode, question);

/** Streams one sealed answer over gRPC-web, or over the OpenAI-shaped surface as events; called likewise. */
export async function askSealed(
  surface: 'grpc-web' | 'http',
  baseUrl: string,
  secret: readonly number[],
  model: string,
): Promise<string> {
  const sealer = new Sealer({ keyId: 'k1', secret: Uint8Array.from(secret) });
  if (surface === 'http') {
    const response = await sealedFetch(sealer)(`${baseUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'Hello' }] }),
    });
    return response.text();
  }
  const interceptors = [sealingInterceptor(sealer)];
  const client = createClient(ChatService, createGrpcWebTransport({ baseUrl, interceptors }));
  let text = '';
  for await (const chunk of client.streamChatCompletion({ model, messages: [{ role: 2, content: 'Hello' }] }))
    text += chunk.choices[0]?.delta?.content ?? '';
  return text;
}
