import { createRequire } from 'node:module';
import type net from 'node:net';
import type { Client, Dispatcher } from 'undici';
import type { Pooled } from '../pool.ts';
import { type ConnectionOptions, openSocket } from '../socket.ts';

const require = createRequire(import.meta.url);

/** Loaded when the first connection is made: it takes a tenth of a second and 24 MB, and most never need it. */
const undici = (): typeof import('undici') => require('undici') as typeof import('undici');

type Connected = (...args: [error: Error, socket: null] | [error: null, socket: net.Socket]) => void;

/**
 * One HTTP/1.1 connection: an undici Client of its own, which serves one request at a time.
 * The socket is made here, so that it can be closed while it still connects.
 */
export class UndiciConnection implements Pooled {
  readonly #options: ConnectionOptions;
  readonly #client: Client;
  #socket: net.Socket | undefined;
  readonly since = performance.now();
  /** Undici closes what is idle too long. */
  readonly idleUntil = Number.POSITIVE_INFINITY;
  idle = false;
  lost = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#client = new (undici().Client)(options.origin, {
      allowH2: false,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: options.keepAliveMs,
      maxHeaderSize: options.maxHeaderBytes,
      connect: (_target, callback) => this.#connect(callback),
    });
    // One in use is the business of its exchange.
    this.#client.on('disconnect', () => {
      if (this.idle) this.destroy();
    });
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

  destroy(closed?: () => void): void {
    this.lost = true;
    if (closed !== undefined) {
      if (this.#socket === undefined || this.#socket.closed) closed();
      else this.#socket.once('close', () => closed());
    }
    this.#client.destroy(() => {});
    this.#socket?.destroy();
  }

  /** Undici sees to it. */
  doze(): void {}

  #connect(callback: Connected): void {
    const { host, port } = this.#options;
    let pending = true;
    const settle = (...args: Parameters<Connected>) => {
      if (!pending) return;
      pending = false;
      callback(...args);
    };
    const socket = openSocket(this.#options, () => settle(null, socket));
    this.#socket = socket;
    socket.on('error', (error) => settle(error, null));
    socket.once('close', () => settle(new Error(`connection to ${host}:${port} closed before it stood`), null));
  }
}
