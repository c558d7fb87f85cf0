import * as http2 from 'node:http2';
import { fromBinary, type Message } from '@bufbuild/protobuf';
import type { Call } from '../../kernel/call.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Rpc } from '../../kernel/method.ts';
import { discardRest } from '../body.ts';
import type { Coding } from '../rpc/compression.ts';
import { RpcExchange } from '../rpc/exchange.ts';
import { binaryFrame } from '../rpc/frame.ts';
import { plainRefusals, type Refusal } from '../rpc/refusal.ts';
import { RequestMessage } from '../rpc/request-message.ts';
import { statusHeaders } from '../rpc/status-headers.ts';
import type { Surroundings } from '../rpc/surroundings.ts';
import type { RpcStatus } from '../status.ts';

const contentType = 'application/grpc+proto';
const ok = { 'grpc-status': '0' };

/** One gRPC call with one request message, on its HTTP/2 stream: from the body's first byte to the trailers. */
export class GrpcExchange extends RpcExchange {
  readonly #stream: http2.ServerHttp2Stream;
  readonly #answerCoding: Coding | undefined;
  #headSent = false;
  #trailers: Readonly<Record<string, string>> = ok;
  #trailersSent = false;

  constructor(
    around: Surroundings,
    rpc: Rpc,
    call: Call,
    stream: http2.ServerHttp2Stream,
    coding: Coding | undefined,
    answerCoding: Coding | undefined,
  ) {
    const reader = new RequestMessage(around.maxRequestBytes, plainRefusals);
    super(around, rpc, call, plainRefusals, { source: stream, reader, coding });
    this.#stream = stream;
    this.#answerCoding = answerCoding;
    // A reset is told by `close` too.
    stream.on('error', ignore);
    stream.on('close', () => this.closed());
    call.cancellation.onCancel((fault) => this.finish(fault));
  }

  protected get gone(): boolean {
    return this.#stream.destroyed || this.#stream.closed || this.#stream.aborted;
  }

  protected get delivered(): boolean {
    return this.#trailersSent;
  }

  protected get sink(): http2.ServerHttp2Stream {
    return this.#stream;
  }

  protected decode(bytes: Uint8Array): Message {
    return fromBinary(this.rpc.desc.input, bytes);
  }

  protected encode(message: Message): Buffer {
    return binaryFrame(this.rpc.desc.output, message, this.#answerCoding);
  }

  protected begin(): void {
    if (this.#headSent) return;
    this.#headSent = true;
    this.#stream.on('wantTrailers', () => {
      this.#trailersSent = true;
      this.#attempt(() => this.#stream.sendTrailers(this.#trailers));
    });
    this.#respond(this.#head(), waitForTrailers);
  }

  protected write(bytes: Buffer): boolean {
    return this.#stream.write(bytes);
  }

  protected conclude(answer: Message | undefined, rest: Buffer | undefined): void {
    const bytes = answer === undefined ? rest : this.encode(answer);
    this.over = true;
    this.#trailers = this.call.replyTrailers === undefined ? ok : { ...this.call.replyTrailers, ...ok };
    if (this.gone) return;
    this.begin();
    if (!this.#stream.closed) this.#stream.end(bytes);
    this.around.unread.watch(this);
  }

  protected tell(status: RpcStatus, refusal: Refusal | undefined): void {
    this.#trailers = { ...this.call.replyTrailers, ...refusal?.trailers, ...statusHeaders(status) };
    if (this.invoked) {
      // Reply headers of the method stay leading metadata, as clients don't look for them among the trailers.
      this.begin();
      if (!this.#stream.closed) this.#stream.end(this.gathered.take());
      return;
    }
    this.#trailersSent = true;
    this.#respond({ ...this.#head(), ...this.#trailers }, endStream);
  }

  protected discard(): void {
    discardRest(this.#stream, () => this.#stream.close(http2.constants.NGHTTP2_NO_ERROR));
  }

  protected onceFinished(done: () => void): void {
    this.#stream.once('finish', done);
  }

  protected cut(): void {
    this.#stream.close(http2.constants.NGHTTP2_CANCEL);
  }

  #head(): http2.OutgoingHttpHeaders {
    const head: http2.OutgoingHttpHeaders = { ':status': 200, 'content-type': contentType, ...this.call.replyHeaders };
    if (this.#answerCoding !== undefined) head['grpc-encoding'] = this.#answerCoding.name;
    return head;
  }

  #respond(head: http2.OutgoingHttpHeaders, options: http2.ServerStreamResponseOptions): void {
    this.#attempt(() => this.#stream.respond(head, options));
  }

  /** Node throws at headers that can't be sent: nothing can be told to the caller then. */
  #attempt(write: () => void): void {
    if (this.#stream.destroyed || this.#stream.closed) return;
    try {
      write();
    } catch (cause) {
      this.over = true;
      this.fault = new Fault('INTERNAL', 'internal error', { cause });
      this.#stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    }
  }
}

const ignore = (): void => {};
const endStream = { endStream: true } as const;
const waitForTrailers = { waitForTrailers: true } as const;
