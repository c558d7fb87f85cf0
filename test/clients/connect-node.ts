import type { Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import type { Caller } from './caller.ts';
import { askOver } from './connect.ts';

const caller = (name: string, transport: (baseUrl: string) => Transport): Caller => ({
  name,
  needs: [],
  async connect(port) {
    const over = transport(`http://127.0.0.1:${port}`);
    return { ask: (mode, question) => askOver(over, mode, question), close() {} };
  },
});

/** @connectrpc/connect-node, over the protocols and HTTP versions that it has. */
export const connectNode: readonly Caller[] = [
  caller('connect-node, Connect over HTTP/1.1', (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1' })),
  caller('connect-node, Connect over HTTP/2', (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2' })),
  caller('connect-node, gRPC-web over HTTP/1.1', (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' })),
  caller('connect-node, gRPC-web over HTTP/2', (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '2' })),
  caller('connect-node, gRPC', (baseUrl) => createGrpcTransport({ baseUrl })),
];
