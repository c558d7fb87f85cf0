import { Agent } from 'node:http';
import type { Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import type { Caller } from './caller.ts';
import { askOver } from './connect.ts';

type Create<Options> = (options: Options) => Transport;
interface Http1Options {
  readonly baseUrl: string;
  readonly httpVersion: '1.1';
  readonly nodeOptions: { readonly agent: Agent };
}
interface Http2Options {
  readonly baseUrl: string;
  readonly httpVersion: '2';
  readonly sessionManager: Http2SessionManager;
}

const overHttp1 = (name: string, create: Create<Http1Options>): Caller => ({
  name,
  needs: [],
  async connect(port) {
    // Without a timeout of its own Node's agent ignores the one that the server announces, and sends requests on
    // connections that are just being closed: they fail with ECONNRESET or EPIPE, and no server has seen them.
    const agent = new Agent({ keepAlive: true, timeout: 300_000 });
    const over = create({ baseUrl: `http://127.0.0.1:${port}`, httpVersion: '1.1', nodeOptions: { agent } });
    return { ask: (mode, question) => askOver(over, mode, question), close: () => agent.destroy() };
  },
});

const overHttp2 = (name: string, create: Create<Http2Options>): Caller => ({
  name,
  needs: [],
  async connect(port) {
    const baseUrl = `http://127.0.0.1:${port}`;
    const sessionManager = new Http2SessionManager(baseUrl);
    const over = create({ baseUrl, httpVersion: '2', sessionManager });
    return { ask: (mode, question) => askOver(over, mode, question), close: () => sessionManager.abort() };
  },
});

/** @connectrpc/connect-node, over the protocols and HTTP versions that it has. */
export const connectNode: readonly Caller[] = [
  overHttp1('connect-node, Connect over HTTP/1.1', createConnectTransport),
  overHttp2('connect-node, Connect over HTTP/2', createConnectTransport),
  overHttp1('connect-node, gRPC-web over HTTP/1.1', createGrpcWebTransport),
  overHttp2('connect-node, gRPC-web over HTTP/2', createGrpcWebTransport),
  overHttp2('connect-node, gRPC', ({ baseUrl, sessionManager }) => createGrpcTransport({ baseUrl, sessionManager })),
];
