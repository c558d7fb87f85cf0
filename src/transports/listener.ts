import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import type { Duplex, Writable } from 'node:stream';
import * as tls from 'node:tls';
import { discardMs } from './body.ts';
import { Http2Response } from './http2-response.ts';
import type { ServerOptions, TlsOptions } from './parts.ts';
import { createPlainEngine, type PlainEngine } from './plain/engine.ts';
import { handOver, routeByPreface, type ToH1 } from './preface.ts';
import type { SurfaceHandler } from './surface-io.ts';

export type ServerRequest = http.IncomingMessage | http2.Http2ServerRequest;

/** What http.ServerResponse and http2.Http2ServerResponse have in common. */
export interface ServerResponse extends Writable {
  readonly headersSent: boolean;
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  writeHead(status: number, headers?: http.OutgoingHttpHeaders): unknown;
  addTrailers(trailers: http.OutgoingHttpHeaders): void;
  /** HTTP/1.1 only: whether Node frames what is written. */
  chunkedEncoding?: boolean;
  /** HTTP/2 only. */
  readonly stream?: http2.ServerHttp2Stream;
}

export type RequestHandler = (request: ServerRequest, response: ServerResponse) => void;

/** Takes an HTTP/2 stream below the request and response objects, or returns false to leave it to them. */
export type StreamHandler = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => boolean;

export interface ListenerHandlers {
  readonly request: RequestHandler;
  readonly stream?: StreamHandler;
  /** Serves plain HTTP/1.1 requests below Node's, for these paths. */
  readonly plain?: { readonly paths: readonly string[]; readonly request: SurfaceHandler };
  /** What Node could not read as HTTP/1.1, or an error of the socket; `last` answers the connection's last request. */
  unreadable(error: Error, socket: Duplex, last: http.ServerResponse | undefined): void;
}

/** The open port: cleartext HTTP/1.1 and HTTP/2 told apart by their first bytes, TLS by ALPN. */
export interface Listener {
  readonly port: number;
  /** TLS of new connections from now on; whether there is any, and clients are asked for certificates, stays. */
  secure(material: TlsOptions): void;
  /** Takes no new connection and asks the open ones to go, once their requests are answered. */
  retire(): void;
  /** Closes the HTTP/1.1 connections that wait for a next request. */
  closeIdle(): void;
  /** Resolves when the port and all connections are closed. */
  readonly closed: Promise<void>;
  /** Closes every socket now. Resolves when all are closed. */
  destroy(): Promise<void>;
}

export type ListenerOptions = Pick<
  ServerOptions,
  | 'host'
  | 'port'
  | 'tls'
  | 'maxHeaderBytes'
  | 'maxRequestBytes'
  | 'maxConcurrentStreams'
  | 'headersTimeoutMs'
  | 'requestTimeoutMs'
  | 'keepAliveTimeoutMs'
  | 'reusePort'
>;

export async function createListener(options: ListenerOptions, handlers: ListenerHandlers): Promise<Listener> {
  const sockets = new Set<net.Socket>();
  const sessions = new Set<http2.ServerHttp2Session>();
  const h1 = createHttp1(options, handlers);
  const h2 = createHttp2(options, handlers, sessions);
  const plain = handlers.plain && createPlain(options, handlers, handlers.plain, h1);
  const toH1: ToH1 = (socket, seen) => {
    if (plain !== undefined) plain.take(socket, seen);
    else if (seen !== undefined) handOver(h1, socket, seen);
    else h1.emit('connection', socket);
  };
  let retired = false;

  const server = options.tls === undefined ? net.createServer(tcp) : createTls(options, options.tls, toH1, h2);
  if (options.tls === undefined)
    server.on('connection', (socket) => routeByPreface(socket, options.headersTimeoutMs, toH1, h2));
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // One listener before any other: a reset in the first packet would end the process otherwise.
    socket.on('error', ignore);
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const { host, port, reusePort = false } = options;
    server.listen({ host, port, reusePort, backlog }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  // Out of file descriptors, for one: the port stays open for the next connection.
  server.on('error', ignore);
  const address = server.address();
  const closed = new Promise<void>((resolve) => server.once('close', resolve));

  const listener: Listener = {
    port: typeof address === 'object' && address !== null ? address.port : 0,

    closed,

    secure(material) {
      if (server instanceof tls.Server) server.setSecureContext(contextOf(material));
    },

    retire() {
      if (retired) return;
      retired = true;
      server.close();
      // Neither of the two ever listened; they report that, and close their idle connections.
      h1.close(ignore);
      h1.closeIdleConnections();
      plain?.retire();
      // GOAWAY names the last stream that is served: callers may safely repeat what they sent after it.
      for (const session of sessions) session.close();
    },

    closeIdle() {
      h1.closeIdleConnections();
      plain?.closeIdle();
    },

    destroy() {
      listener.retire();
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
      return closed;
    },
  };
  return listener;
}

const ignore = (): void => {};

/**
 * Connections that the system takes for us while we are busy, as far as it allows as many: one beyond them has to try
 * again a second later. Node's own 511 are fewer than come at once where all callers reconnect.
 */
const backlog = 4_096;

const tcp = { noDelay: true, allowHalfOpen: true } as const;

function createHttp1(options: ListenerOptions, { request, unreadable }: ListenerHandlers): http.Server {
  const last = new WeakMap<Duplex, http.ServerResponse>();
  const h1 = http.createServer(
    {
      maxHeaderSize: options.maxHeaderBytes,
      // Node refuses to start with a longer one than the request's.
      headersTimeout: Math.min(options.headersTimeoutMs, options.requestTimeoutMs),
      // A late body is told by its transport, which then waits for the rest: Node would write a reply of its own behind that.
      requestTimeout: options.requestTimeoutMs + 2 * discardMs,
      keepAliveTimeout: options.keepAliveTimeoutMs,
      // Told by the server, with a body and a line in the log.
      requireHostHeader: false,
      connectionsCheckingInterval: Math.max(20, Math.min(5_000, Math.ceil(options.headersTimeoutMs / 4))),
    },
    (req, res) => {
      last.set(req.socket, res);
      if (res.socket === null) closeWithSocket(req, res);
      request(req, res);
    },
  );
  h1.on('clientError', (error, socket) => unreadable(error, socket, last.get(socket)));
  // It never listens itself, and only an http.Server that listens looks after its timeouts.
  h1.emit('listening');
  return h1;
}

function createPlain(
  options: ListenerOptions,
  { unreadable }: ListenerHandlers,
  { paths, request }: NonNullable<ListenerHandlers['plain']>,
  h1: http.Server,
): PlainEngine {
  return createPlainEngine(options, {
    paths,
    request,
    handOver: (socket, bytes) => handOver(h1, socket, bytes),
    unreadable: (error, socket) => unreadable(error, socket, undefined),
  });
}

/**
 * A reply that waits behind another of its connection (pipelining) has no socket yet, and Node would not tell it that
 * the connection is gone.
 */
function closeWithSocket({ socket }: http.IncomingMessage, res: http.ServerResponse): void {
  const gone = (): void => {
    if (res.socket === null) res.emit('close');
  };
  // One for each request that waits, which the peer decides: no leak, and bounded by what it sends in one go.
  socket.setMaxListeners(0);
  socket.once('close', gone);
  res.once('close', () => socket.off('close', gone));
}

function createHttp2(
  options: ListenerOptions,
  handlers: ListenerHandlers,
  sessions: Set<http2.ServerHttp2Session>,
): http2.Http2Server {
  const h2 = http2.createServer({
    settings: {
      maxConcurrentStreams: options.maxConcurrentStreams,
      maxHeaderListSize: options.maxHeaderBytes,
      initialWindowSize: streamWindow,
      enablePush: false,
    },
    // In MB. A connection that buffers more than this gets no new streams.
    maxSessionMemory: 32,
  });
  h2.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.setLocalWindowSize(sessionWindow);
    watchPeer(session, options);
  });
  h2.on('sessionError', ignore);
  h2.on('stream', (stream: http2.ServerHttp2Stream, headers, _flags, rawHeaders) => {
    if (handlers.stream?.(stream, headers)) return;
    const request = new http2.Http2ServerRequest(stream, headers, {}, rawHeaders);
    const response = new Http2Response(stream);
    if (headers.expect?.toLowerCase() === '100-continue') response.writeContinue();
    handlers.request(request, response);
  });
  return h2;
}

/** Flow control: what one stream, and one connection, may send before it is read. */
const streamWindow = 256 * 1024;
const sessionWindow = 1024 * 1024;

/** Closes a connection whose peer does not begin, or has gone without a word. */
function watchPeer(session: http2.ServerHttp2Session, options: ListenerOptions): void {
  let settled = false;
  let pinged = false;
  session.setTimeout(options.headersTimeoutMs);
  session.once('remoteSettings', () => {
    settled = true;
    session.setTimeout(options.keepAliveTimeoutMs);
  });
  session.on('timeout', () => {
    if (!settled || pinged) return session.destroy();
    pinged = true;
    session.setTimeout(options.headersTimeoutMs);
    session.ping((error) => {
      if (error !== null) return;
      pinged = false;
      session.setTimeout(options.keepAliveTimeoutMs);
    });
  });
}

const contextOf = ({ cert, key, clientCa }: TlsOptions): tls.SecureContextOptions => ({
  cert,
  key,
  ...(clientCa !== undefined && { ca: clientCa }),
});

function createTls(options: ListenerOptions, material: TlsOptions, toH1: ToH1, h2: http2.Http2Server): tls.Server {
  const server = tls.createServer({
    noDelay: true,
    ...contextOf(material),
    requestCert: material.clientCa !== undefined,
    rejectUnauthorized: material.requireClientCertificate ?? false,
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: options.headersTimeoutMs,
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', ignore);
    // A certificate is optional, a bad one is not.
    if (material.clientCa !== undefined && !socket.authorized && hasCertificate(socket)) {
      socket.destroy();
      return;
    }
    if (socket.alpnProtocol === 'h2') h2.emit('connection', socket);
    else toH1(socket);
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

const hasCertificate = (socket: tls.TLSSocket): boolean => Object.keys(socket.getPeerCertificate()).length > 0;
