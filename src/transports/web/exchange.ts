import type { OutgoingHttpHeaders } from 'node:http';
import type { Call } from '../../kernel/call.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Rpc } from '../../kernel/method.ts';
import { discard } from '../body.ts';
import type { ServerRequest, ServerResponse } from '../listener.ts';
import { finished, reset, uncached } from '../response.ts';
import type { Coding } from '../rpc/compression.ts';
import { RpcExchange } from '../rpc/exchange.ts';
import type { Refusals } from '../rpc/refusal.ts';
import type { RequestReader } from '../rpc/request-message.ts';
import type { Surroundings } from '../rpc/surroundings.ts';

/** The two sides of a call, and how it is compressed on each. */
export interface WebCall {
  readonly call: Call;
  readonly rpc: Rpc;
  readonly request: ServerRequest;
  readonly response: ServerResponse;
  readonly coding: Coding | undefined;
  readonly answerCoding: Coding | undefined;
}

/** Larger bodies are not worth a copy for the sake of one write. */
const mostCopied = 64 * 1024;

/** One call of Connect or gRPC-web on Node's request and response, over HTTP/1.1 or HTTP/2. */
export abstract class WebExchange extends RpcExchange {
  protected readonly request: ServerRequest;
  protected readonly response: ServerResponse;
  protected readonly answerCoding: Coding | undefined;
  #closed = false;

  constructor(around: Surroundings, web: WebCall, refusals: Refusals, reader: RequestReader) {
    const { call, request, response, coding } = web;
    super(around, web.rpc, call, refusals, { source: request, reader, coding });
    this.request = request;
    this.response = response;
    this.answerCoding = web.answerCoding;
    finished(response).on('close', () => {
      this.#closed = true;
      this.closed();
    });
    call.cancellation.onCancel((fault) => this.finish(fault));
  }

  protected get gone(): boolean {
    const { stream, destroyed } = this.response;
    if (stream === undefined) return this.#closed || destroyed;
    return this.#closed || stream.destroyed || stream.closed || stream.aborted;
  }

  protected get delivered(): boolean {
    const { writableFinished, writableEnded, stream } = this.response;
    // Over HTTP/2 a reply counts as finished when its stream is reset, too.
    return writableEnded && writableFinished && (stream === undefined || stream.rstCode === 0);
  }

  protected get sink(): ServerResponse {
    return this.response;
  }

  protected discard(): void {
    discard(this.request);
  }

  protected onceFinished(done: () => void): void {
    finished(this.response).once('finish', done);
  }

  protected cut(): void {
    reset(this.response);
  }

  /** Sends the head; false where it can't be sent, and nothing can be told to the caller. */
  protected head(status: number, headers: OutgoingHttpHeaders): boolean {
    try {
      this.response.writeHead(status, { ...uncached, ...this.call.replyHeaders, ...headers });
      return true;
    } catch (cause) {
      this.over = true;
      this.fault = new Fault('INTERNAL', 'internal error', { cause });
      this.cut();
      return false;
    }
  }

  /** Sends a whole answer, in one write where it can. */
  protected whole(status: number, headers: OutgoingHttpHeaders, body: string | Uint8Array): void {
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    headers['content-length'] = length;
    if (!this.head(status, headers)) return;
    const { response } = this;
    // Over HTTP/1.1 Node joins head and body only where both are text.
    if (typeof body === 'string' || response.stream !== undefined || length > mostCopied) response.end(body);
    else response.end(latin1(body), 'latin1');
  }
}

/** Bytes as text of one character each. */
export const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
