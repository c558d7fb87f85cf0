import type { Exchange, HttpRequest, ResponseHandler, UpstreamFailure } from '../../kernel/upstream.ts';
import type { ConnectionPool, Passenger } from '../pool.ts';
import type { NativeConnection, Reader } from './connection.ts';
import type { ResponseParser } from './response-parser.ts';

/** One request and its answer, between a connection and the port. */
export class NativeExchange implements Exchange, Passenger<NativeConnection>, Reader {
  readonly body: string | Uint8Array;
  /** But for content-length; empty for one that can't be sent. */
  readonly head: string;
  readonly #handler: ResponseHandler;
  readonly #pool: ConnectionPool<NativeConnection>;
  #connection: NativeConnection | undefined;
  #headSeen = false;
  paused = false;
  done = false;

  constructor(
    request: HttpRequest,
    head: string | undefined,
    handler: ResponseHandler,
    pool: ConnectionPool<NativeConnection>,
  ) {
    this.body = request.body;
    this.head = head ?? '';
    this.#handler = handler;
    this.#pool = pool;
  }

  start(connection: NativeConnection): void {
    this.#connection = connection;
    connection.carry(this);
  }

  again(): void {
    this.start(this.#pool.replace());
  }

  cancel(closed?: () => void): void {
    if (this.done) return;
    this.done = true;
    if (this.#connection === undefined) closed?.();
    else this.#giveUp(closed);
  }

  pause(): void {
    if (this.done) return;
    this.paused = true;
    if (this.#headSeen) this.#connection?.pause();
  }

  resume(): void {
    if (!this.paused || this.done) return;
    this.paused = false;
    // What was held back is handed out in a turn of its own, never from within the caller's.
    if (this.#headSeen) queueMicrotask(this.#readOn);
  }

  answer(parser: ResponseParser): void {
    const { headers } = parser;
    const coding = headers['content-encoding'];
    if (coding !== undefined && coding !== 'identity') {
      this.fail('protocol', new Error('the answer is compressed though identity was asked for'));
      return;
    }
    this.#headSeen = true;
    if (this.paused) this.#connection?.pause();
    this.#handler.head(parser.status, headers);
  }

  data(bytes: Buffer): void {
    this.#handler.data(bytes);
  }

  end(reusable: boolean): void {
    const connection = this.#connection;
    this.done = true;
    this.#connection = undefined;
    if (connection !== undefined) this.#pool.release(connection, reusable);
    this.#handler.end();
  }

  fail(kind: UpstreamFailure, cause: unknown): void {
    if (this.done) return;
    this.done = true;
    this.#giveUp();
    this.#handler.error(kind, cause);
  }

  #giveUp(closed?: () => void): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    connection.destroy(closed);
    this.#pool.release(connection, false);
  }

  readonly #readOn = (): void => {
    if (!this.paused && !this.done) this.#connection?.resume();
  };
}
