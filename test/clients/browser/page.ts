/** What runs in the page: the same call over Connect and over gRPC-web, by @connectrpc/connect-web. */
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
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
