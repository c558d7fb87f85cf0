import net from 'node:net';
import tls from 'node:tls';
import { Client, type Dispatcher } from 'undici';

/** What TLS needs beyond the system's own roots; the names are node:tls's. */
export type TlsClientOptions = Pick<tls.ConnectionOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'>;

/** Where connections go and within which bounds; shared by all connections of one origin. */
export interface ConnectionOptions {
  /** 'https://api.example.com:8443', nothing after the port. */
  readonly origin: string;
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
  /** Most bytes of a response's head. */
  readonly maxHeaderBytes: number;
  /** How long an idle connection is kept where the server does not tell. */
  readonly keepAliveMs: number;
  readonly tls: TlsClientOptions;
}

type Connected = (...args: [error: Error, socket: null] | [error: null, socket: net.Socket]) => void;

/** TLS sessions by origin options, so that a second connection resumes the first one's. */
const sessions = new WeakMap<ConnectionOptions, Buffer>();

/**
 * One HTTP/1.1 connection: an undici Client of its own, which serves one request at a time.
 * The socket is made here, so that it can be closed while it still connects.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #client: Client;
  #socket: net.Socket | undefined;
  /** Monotonic milliseconds at which it was made. */
  readonly since = performance.now();
  /** Waits for a request; set and cleared by whoever keeps the list of idle ones. */
  idle = false;
  /** Closed, or never to be used again. */
  lost = false;

  /** `onLost` hears when the socket closed, for whatever reason. */
  constructor(options: ConnectionOptions, onLost: (connection: Connection) => void) {
    this.#options = options;
    this.#client = new Client(options.origin, {
      allowH2: false,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: options.keepAliveMs,
      maxHeaderSize: options.maxHeaderBytes,
      connect: (_target, callback) => this.#connect(callback),
    });
    this.#client.on('disconnect', () => onLost(this));
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#client.dispatch(options, handler);
  }

  /** Whether the socket broke rather than ended, or still holds bytes of a request that was answered early. */
  get unclean(): boolean {
    const socket = this.#socket;
    return socket === undefined || socket.errored !== null || socket.writableLength > 0;
  }

  /** Whether the socket broke rather than ended. */
  get broken(): boolean {
    return this.#socket !== undefined && this.#socket.errored !== null;
  }

  /** Closes the socket now, connected or not; `closed` hears when it is. */
  destroy(closed?: () => void): void {
    this.lost = true;
    if (closed !== undefined) {
      if (this.#socket === undefined || this.#socket.closed) closed();
      else this.#socket.once('close', () => closed());
    }
    this.#client.destroy(() => {});
    this.#socket?.destroy();
  }

  #connect(callback: Connected): void {
    const { secure, host, port, connectTimeoutMs } = this.#options;
    const socket = secure ? this.#secure() : net.connect({ host, port, noDelay: true, keepAlive: true });
    this.#socket = socket;
    let pending = true;
    const timer = setTimeout(
      () => socket.destroy(new Error(`no connection to ${host}:${port} within ${connectTimeoutMs} ms`)),
      connectTimeoutMs,
    );
    const settle = (...args: Parameters<Connected>) => {
      if (!pending) return;
      pending = false;
      clearTimeout(timer);
      callback(...args);
    };
    socket.once(secure ? 'secureConnect' : 'connect', () => settle(null, socket));
    socket.on('error', (error) => settle(error, null));
    socket.once('close', () => settle(new Error(`connection to ${host}:${port} closed before it stood`), null));
  }

  #secure(): tls.TLSSocket {
    const { host, port, tls: extra } = this.#options;
    const session = sessions.get(this.#options);
    const socket = tls.connect({
      host,
      port,
      ALPNProtocols: ['http/1.1'],
      ...(net.isIP(host) === 0 ? { servername: host } : {}),
      ...(session === undefined ? {} : { session }),
      ...extra,
    });
    socket.setNoDelay(true).setKeepAlive(true);
    return socket.on('session', (fresh) => sessions.set(this.#options, fresh));
  }
}
