import * as http2 from 'node:http2';
import { fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { StreamChatCompletionResponseSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { Call } from '../../kernel/call.ts';
import { type Code, Fault } from '../../kernel/fault.ts';
import type { ChatChunk } from '../../kernel/messages.ts';
import type { Reply, Rpc } from '../../kernel/method.ts';
import { discardRest } from '../body.ts';
import { textChunkFrame } from './chunk-frame.ts';
import { type Coding, decompress } from './compression.ts';
import { frame } from './frame.ts';
import { GatheredFrames } from './gathered-frames.ts';
import { compressedWithNothing, type Refusal, unreadable } from './refusal.ts';
import { RequestMessage } from './request-message.ts';
import { statusHeaders } from './status-headers.ts';
import type { Awaited, Surroundings } from './surroundings.ts';

const contentType = 'application/grpc+proto';
const ok = { 'grpc-status': '0' };

/** One gRPC call with one request message, on its HTTP/2 stream: from the body's first byte to the trailers. */
export class GrpcExchange implements Reply<Message>, Awaited {
  readonly call: Call;
  readonly #around: Surroundings;
  readonly #rpc: Rpc;
  readonly #unary: boolean;
  readonly #stream: http2.ServerHttp2Stream;
  /** How the request message is compressed, and the answer's. */
  readonly #coding: Coding | undefined;
  readonly #answerCoding: Coding | undefined;
  readonly #request: RequestMessage;
  #requestEnded = false;
  /** The one message of a unary method. */
  #answer: Message | undefined;
  #invoked = false;
  #headSent = false;
  /** Nothing more is written but the trailers. */
  #over = false;
  #trailers: Readonly<Record<string, string>> = ok;
  #trailersSent = false;
  #fault: Fault | undefined;
  #blocked = false;
  readonly #gathered = new GatheredFrames();
  #watchesDrain = false;
  #waiting: (() => void)[] | undefined;

  constructor(
    around: Surroundings,
    rpc: Rpc,
    call: Call,
    stream: http2.ServerHttp2Stream,
    coding: Coding | undefined,
    answerCoding: Coding | undefined,
  ) {
    this.call = call;
    this.#around = around;
    this.#rpc = rpc;
    this.#unary = rpc.desc.methodKind === 'unary';
    this.#stream = stream;
    this.#coding = coding;
    this.#answerCoding = answerCoding;
    this.#request = new RequestMessage(around.maxRequestBytes);
    // A reset is told by `close` too.
    stream.on('error', ignore);
    stream.on('close', () => this.#closed());
    call.cancellation.onCancel((fault) => this.#finish(fault));
  }

  /** Reads the request and answers it. */
  read(): void {
    if (this.#over) return;
    this.#around.arriving.watch(this);
    this.#stream.on('data', (piece: Buffer) => {
      if (this.#over) return;
      const refusal = this.#request.push(piece);
      if (refusal !== undefined) this.refuse(refusal);
    });
    this.#stream.on('end', () => {
      // A body that was cut off by a reset ends too.
      if (this.#stream.aborted || this.#stream.closed) return;
      this.#requestEnded = true;
      this.#around.arriving.forget(this);
      if (!this.#over) this.#arrived();
    });
  }

  /** Ends the call without its method. */
  refuse({ fault, code, trailers }: Refusal): void {
    this.#finish(fault, code, trailers);
  }

  late(): void {
    this.call.cancellation.cancel(new Fault('CALLER_TIMEOUT', 'the request took too long to arrive'));
  }

  abandon(): void {
    const fault = new Fault('CANCELLED', 'the caller does not read its answer');
    this.call.cancellation.cancel(fault);
    this.#fault ??= fault;
    this.#stream.close(http2.constants.NGHTTP2_CANCEL);
  }

  message(message: Message): boolean {
    if (this.#over) return true;
    if (this.#unary) {
      this.#answer = message;
      return true;
    }
    const bytes = this.#encode(message);
    if (!this.#headSent) this.#sendHead();
    if (this.#over) return true;
    this.#gathered.add(bytes, this.#flush);
    return !this.#blocked;
  }

  readonly #flush = (): void => {
    const bytes = this.#gathered.take();
    const stream = this.#stream;
    if (bytes === undefined || stream.destroyed || stream.closed || stream.writableEnded) return;
    if (!stream.write(bytes)) this.#block();
  };

  onDrain(resume: () => void): void {
    // A method that asks again and again although nobody reads must not keep the loop from turning.
    if (this.#over) setImmediate(resume);
    else if (!this.#blocked) queueMicrotask(resume);
    else if (this.#waiting === undefined) this.#waiting = [resume];
    else this.#waiting.push(resume);
  }

  #arrived(): void {
    const refusal = this.#request.end();
    const { bytes, compressed } = this.#request;
    if (refusal !== undefined) this.refuse(refusal);
    else if (!compressed) this.#invoke(bytes);
    else if (this.#coding === undefined) this.refuse(compressedWithNothing());
    else {
      decompress(this.#coding, bytes, this.#around.maxRequestBytes, (failure, whole) => {
        if (failure !== undefined) this.refuse(failure);
        else if (!this.#over) this.#invoke(whole);
      });
    }
  }

  #invoke(bytes: Uint8Array): void {
    let request: Message;
    try {
      request = fromBinary(this.#rpc.desc.input, bytes);
    } catch {
      this.refuse(unreadable());
      return;
    }
    if (this.call.isSigned) this.call.body = bytes;
    this.#invoked = true;
    const failed = (thrown: unknown): void => this.#finish(Fault.from(thrown));
    try {
      this.#rpc.handle(this.call, request, this).then(() => this.#succeed(), failed);
    } catch (thrown) {
      failed(thrown);
    }
  }

  #succeed(): void {
    if (this.#over) return;
    let bytes: Buffer | undefined;
    try {
      bytes = this.#unary ? this.#encode(this.#answer) : this.#gathered.take();
    } catch (thrown) {
      this.#finish(Fault.from(thrown));
      return;
    }
    this.#over = true;
    this.#trailers = this.call.replyTrailers === undefined ? ok : { ...this.call.replyTrailers, ...ok };
    if (this.#stream.destroyed || this.#stream.closed) return;
    if (!this.#headSent) this.#sendHead();
    if (!this.#stream.closed) this.#stream.end(bytes);
    this.#around.unread.watch(this);
  }

  /** Ends the call with a fault; the first end counts. */
  #finish(fault: Fault, code?: Code, trailers?: Readonly<Record<string, string>>): void {
    if (this.#over) return;
    this.#over = true;
    this.#fault = fault;
    this.#around.arriving.forget(this);
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    const status = this.#around.statusOf(fault);
    this.#trailers = {
      ...this.call.replyTrailers,
      ...trailers,
      ...statusHeaders(code === undefined ? status : { ...status, code }),
    };
    if (!this.#requestEnded) {
      // What is thrown away from here on is no part of the call.
      stream.once('finish', () => this.#end());
      discardRest(stream, () => stream.close(http2.constants.NGHTTP2_NO_ERROR));
    }
    const { lingering, unread } = this.#around;
    (this.#invoked && this.call.cancellation.fault !== undefined ? lingering : unread).watch(this);
    if (this.#invoked) {
      // Reply headers of the method stay leading metadata, as clients don't look for them among the trailers.
      if (!this.#headSent) this.#sendHead();
      if (!stream.closed) stream.end(this.#gathered.take());
      return;
    }
    this.#trailersSent = true;
    this.#respond({ ...this.#head(), ...this.#trailers }, endStream);
  }

  #encode(message: Message | undefined): Buffer {
    if (message === undefined) throw new Fault('INTERNAL', 'internal error', { cause: 'no message in the reply' });
    const { output } = this.#rpc.desc;
    const text =
      output === StreamChatCompletionResponseSchema && this.#answerCoding === undefined
        ? textChunkFrame(message as ChatChunk)
        : undefined;
    return text ?? frame(toBinary(output, message), this.#answerCoding);
  }

  #sendHead(): void {
    this.#headSent = true;
    this.#stream.on('wantTrailers', () => {
      this.#trailersSent = true;
      this.#attempt(() => this.#stream.sendTrailers(this.#trailers));
    });
    this.#respond(this.#head(), waitForTrailers);
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
      this.#over = true;
      this.#fault = new Fault('INTERNAL', 'internal error', { cause });
      this.#stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    }
  }

  /** Counts the time for which the caller reads nothing. */
  #block(): void {
    if (this.#blocked) return;
    this.#blocked = true;
    this.#around.unread.watch(this);
    if (this.#watchesDrain) return;
    this.#watchesDrain = true;
    this.#stream.on('drain', () => {
      this.#blocked = false;
      if (!this.#over) this.#around.unread.forget(this);
      this.#resume();
    });
  }

  #resume(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) for (const resume of waiting) resume();
  }

  #closed(): void {
    // A fault costs its stack, and most calls end well.
    if (!this.#trailersSent) this.call.cancellation.cancel(new Fault('CANCELLED', 'the caller went away'));
    this.#over = true;
    const { arriving, unread, lingering } = this.#around;
    arriving.forget(this);
    unread.forget(this);
    lingering.forget(this);
    this.#resume();
    this.#end();
  }

  /** Tells how the call ended; an answer without its trailers is none. */
  #end(): void {
    const fault = this.#fault ?? (this.#trailersSent ? undefined : this.call.cancellation.fault);
    this.#around.calls.end(this.call, fault);
  }
}

const ignore = (): void => {};
const endStream = { endStream: true } as const;
const waitForTrailers = { waitForTrailers: true } as const;
