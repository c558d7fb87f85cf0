import { constants, type Http2ServerRequest } from 'node:http2';
import type { Readable } from 'node:stream';
import { Fault } from '../kernel/fault.ts';
import type { ServerRequest } from './listener.ts';
import type { SurfaceRequest } from './surface-io.ts';

/**
 * A request's body as chunks to be pulled. Unlike Node's own iterator it does not destroy the request when the reader
 * stops early: the peer then still gets its answer, and what it goes on to send is thrown away by `discard`.
 */
export class RequestBody implements AsyncIterableIterator<Uint8Array> {
  readonly #request: ServerRequest;
  #started = false;
  #ended = false;
  #fault: Fault | undefined;
  #chunks: Uint8Array[] = [];
  #waiting: PromiseWithResolvers<IteratorResult<Uint8Array>> | undefined;

  constructor(request: ServerRequest) {
    this.#request = request;
  }

  /** Whether all of it was read. */
  get ended(): boolean {
    return this.#ended;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) return Promise.resolve({ done: false, value: chunk });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    this.#waiting = Promise.withResolvers();
    if (this.#started) this.#request.resume();
    else this.#start();
    return this.#waiting.promise;
  }

  /** The reader has had enough. */
  return(): Promise<IteratorResult<Uint8Array>> {
    this.#request.off('data', this.#onData);
    this.#request.pause();
    this.#chunks = [];
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Ends the body with a fault: for a reader that waits, and for one that comes later. */
  fail(fault: Fault): void {
    if (this.#ended || this.#fault !== undefined) return;
    this.#fault = fault;
    this.#waiting?.reject(fault);
    this.#waiting = undefined;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #start(): void {
    this.#started = true;
    this.#request.on('data', this.#onData);
    this.#request.once('end', () => {
      this.#ended = true;
      this.#settle({ done: true, value: undefined });
    });
    const cut = (): void => this.fail(new Fault('CANCELLED', 'the caller went away'));
    this.#request.once('error', cut);
    this.#request.once('aborted', cut);
    this.#request.once('close', cut);
  }

  readonly #onData = (chunk: Uint8Array): void => {
    if (this.#waiting === undefined) this.#chunks.push(chunk);
    else this.#settle({ done: false, value: chunk });
    this.#request.pause();
  };

  #settle(result: IteratorResult<Uint8Array>): void {
    this.#waiting?.resolve(result);
    this.#waiting = undefined;
  }
}

/** Enough for a body some times the usual limit: the SDKs write all of it before they read, and would see a reset. */
const discardedBytes = 64 * 1024 * 1024;
/** How long the rest of a body is waited for. */
export const discardMs = 5_000;

/**
 * Reads away what is left of the body of a request that was answered without it, so that the peer, blocked in its
 * write, comes to read the answer. Bounded: a peer that goes on is cut off.
 */
export function discard(request: SurfaceRequest): void {
  if ('discard' in request) {
    request.discard();
    return;
  }
  discardRest(request, () => {
    if ('stream' in request) closeStream(request);
    else request.destroy();
  });
}

/** The same for any source; `cut` is how it is cut off. */
export function discardRest(source: Readable, cut: () => void): void {
  if (source.readableEnded || source.destroyed) return;
  let bytes = 0;
  const giveUp = (): void => {
    clearTimeout(timer);
    cut();
  };
  const timer = setTimeout(giveUp, discardMs);
  timer.unref();
  source.on('data', (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes > discardedBytes) giveUp();
  });
  source.once('end', () => clearTimeout(timer));
  source.once('close', () => clearTimeout(timer));
  source.resume();
}

// NO_ERROR after a whole answer asks the peer to stop sending (RFC 9113, section 8.1).
const closeStream = (request: Http2ServerRequest): void => request.stream.close(constants.NGHTTP2_NO_ERROR);
