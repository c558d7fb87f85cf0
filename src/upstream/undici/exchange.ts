import type { Dispatcher } from 'undici';
import type { Exchange, HttpRequest, ResponseHandler, UpstreamFailure } from '../../kernel/upstream.ts';
import type { ConnectionPool, Passenger } from '../pool.ts';
import type { UndiciConnection } from './connection.ts';
import { failureOf } from './failure.ts';

/** Undici takes names and values in turn, which spares it a walk over the object. */
function headersOf(request: HttpRequest): string[] {
  const list: string[] = [];
  for (const name in request.headers) list.push(name, request.headers[name] as string);
  // The decoders read plain bytes; a compressed stream also comes in lumps.
  if (request.headers['accept-encoding'] === undefined) list.push('accept-encoding', 'identity');
  if (request.headers['user-agent'] === undefined) list.push('user-agent', 'llm-bridge');
  return list;
}

/** One request and its answer, between undici's events and the port's. */
export class UndiciExchange implements Exchange, Passenger<UndiciConnection>, Dispatcher.DispatchHandler {
  readonly #request: HttpRequest;
  readonly #handler: ResponseHandler;
  readonly #pool: ConnectionPool<UndiciConnection>;
  #connection: UndiciConnection | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #headSeen = false;
  #paused = false;
  done = false;

  constructor(request: HttpRequest, handler: ResponseHandler, pool: ConnectionPool<UndiciConnection>) {
    this.#request = request;
    this.#handler = handler;
    this.#pool = pool;
  }

  start(connection: UndiciConnection): void {
    this.#connection = connection;
    const { path, method, body } = this.#request;
    connection.dispatch(
      { path, method, body: method === 'GET' && body.length === 0 ? null : body, headers: headersOf(this.#request) },
      this,
    );
  }

  fail(kind: UpstreamFailure, cause: unknown): void {
    if (this.done) return;
    this.done = true;
    this.#handler.error(kind, cause);
  }

  cancel(closed?: () => void): void {
    if (this.done) return;
    this.done = true;
    if (this.#connection === undefined) closed?.();
    else this.#giveUp(closed);
  }

  pause(): void {
    this.#paused = true;
    this.#controller?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    // Undici's parser is not reentrant: resuming one answer from within another's data would trip its assertion.
    queueMicrotask(() => {
      if (!this.#paused && !this.done) this.#controller?.resume();
    });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (this.done || status < 200) return;
    const coding = headers['content-encoding'];
    if (coding !== undefined && coding !== 'identity') {
      this.#giveUp();
      this.fail('protocol', new Error('the answer is compressed though identity was asked for'));
      return;
    }
    this.#headSeen = true;
    if (this.#paused) controller.pause();
    this.#handler.head(status, headers);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.done) this.#handler.data(chunk);
  }

  onResponseEnd(): void {
    if (this.done) return;
    const connection = this.#connection;
    // Undici takes a reset for the end of a body that only the connection delimits.
    if (connection?.broken) {
      this.#giveUp();
      this.fail('reset', new Error('connection reset before the end of the body'));
      return;
    }
    this.done = true;
    if (connection !== undefined) this.#pool.release(connection, !connection.unclean);
    this.#handler.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.done) return;
    const kind = failureOf(error, this.#controller !== undefined, this.#headSeen);
    this.#giveUp();
    // A request that undici refuses fails within `send`, before the caller holds the exchange.
    if (this.#controller === undefined) queueMicrotask(() => this.fail(kind, error));
    else this.fail(kind, error);
  }

  #giveUp(closed?: () => void): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    connection.destroy(closed);
    this.#pool.release(connection, false);
  }
}
