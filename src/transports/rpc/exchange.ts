import type { Readable, Writable } from 'node:stream';
import type { Message } from '@bufbuild/protobuf';
import type { Call } from '../../kernel/call.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Reply, Rpc } from '../../kernel/method.ts';
import type { RpcStatus } from '../status.ts';
import { type Coding, decompress } from './compression.ts';
import { GatheredFrames } from './gathered-frames.ts';
import type { Refusal, Refusals } from './refusal.ts';
import type { RequestReader } from './request-message.ts';
import type { Awaited, Surroundings } from './surroundings.ts';

/** How the request of a call comes. */
export interface Incoming {
  /** The body. */
  readonly source: Readable;
  readonly reader: RequestReader;
  /** How the message is compressed. */
  readonly coding: Coding | undefined;
}

/**
 * One call with one request message, from the body's first byte to the answer's last: what is the same in every protocol.
 * What is written, and how, is the protocol's.
 */
export abstract class RpcExchange implements Reply<Message>, Awaited {
  readonly call: Call;
  readonly refusals: Refusals;
  protected readonly around: Surroundings;
  protected readonly rpc: Rpc;
  protected readonly unary: boolean;
  /** The method was asked. */
  protected invoked = false;
  /** Nothing more is written but the end. */
  protected over = false;
  protected fault: Fault | undefined;
  protected readonly gathered = new GatheredFrames();
  readonly #incoming: Incoming;
  #requestEnded = false;
  /** The one message of a unary method. */
  #answer: Message | undefined;
  #blocked = false;
  #watchesDrain = false;
  #waiting: (() => void)[] | undefined;

  constructor(around: Surroundings, rpc: Rpc, call: Call, refusals: Refusals, incoming: Incoming) {
    this.call = call;
    this.refusals = refusals;
    this.around = around;
    this.rpc = rpc;
    this.unary = rpc.desc.methodKind === 'unary';
    this.#incoming = incoming;
  }

  /** Whether nothing can be written any more. */
  protected abstract get gone(): boolean;
  /** Whether the whole answer is with the caller, or on its way. */
  protected abstract get delivered(): boolean;
  /** Where the answer goes. */
  protected abstract get sink(): Writable;
  /** Makes a message of the request's bytes; what it throws tells why there is none. */
  protected abstract decode(bytes: Uint8Array): Message;
  /** A message of a stream as it is written. */
  protected abstract encode(message: Message): Buffer;
  /** Sends the head, unless that was done. */
  protected abstract begin(): void;
  /** Writes a part of a stream; false where the caller has not read what was written before. */
  protected abstract write(bytes: Buffer): boolean;
  /** Writes what is left of an answer that went well: the one message of a unary method, or what was gathered of a stream. */
  protected abstract conclude(answer: Message | undefined, rest: Buffer | undefined): void;
  /** Tells the caller why the call failed. */
  protected abstract tell(status: RpcStatus, refusal: Refusal | undefined): void;
  /** Reads away what is left of the request. */
  protected abstract discard(): void;
  /** Runs `done` once the answer has gone out although the request may still be arriving. */
  protected abstract onceFinished(done: () => void): void;
  /** Cuts the answer short so that the caller sees it was cut. */
  protected abstract cut(): void;

  /** Reads the request and answers it. */
  read(): void {
    if (this.over) return;
    const { source, reader } = this.#incoming;
    this.around.arriving.watch(this);
    source.on('data', (piece: Buffer) => {
      if (this.over) return;
      const refusal = reader.push(piece);
      if (refusal !== undefined) this.refuse(refusal);
    });
    source.on('end', () => {
      // A body that was cut off by a reset ends too.
      if (this.gone) return;
      this.#requestEnded = true;
      this.around.arriving.forget(this);
      if (!this.over) this.#arrived();
    });
  }

  /** Ends the call without its method. */
  refuse(refusal: Refusal): void {
    this.finish(refusal.fault, refusal);
  }

  late(): void {
    this.call.cancellation.cancel(new Fault('CALLER_TIMEOUT', 'the request took too long to arrive'));
  }

  abandon(): void {
    const fault = new Fault('CANCELLED', 'the caller does not read its answer');
    this.call.cancellation.cancel(fault);
    this.fault ??= fault;
    this.cut();
  }

  message(message: Message): boolean {
    if (this.over) return true;
    if (this.unary) {
      this.#answer = message;
      return true;
    }
    const bytes = this.encode(message);
    this.begin();
    if (this.over) return true;
    this.gathered.add(bytes, this.#flush);
    return !this.#blocked;
  }

  readonly #flush = (): void => {
    const bytes = this.gathered.take();
    if (bytes === undefined || this.gone || this.sink.writableEnded) return;
    if (!this.write(bytes)) this.#block();
  };

  onDrain(resume: () => void): void {
    // A method that asks again and again although nobody reads must not keep the loop from turning.
    if (this.over) setImmediate(resume);
    else if (!this.#blocked) queueMicrotask(resume);
    else if (this.#waiting === undefined) this.#waiting = [resume];
    else this.#waiting.push(resume);
  }

  #arrived(): void {
    const { reader, coding } = this.#incoming;
    const refusal = reader.end();
    if (refusal !== undefined) this.refuse(refusal);
    else if (!reader.compressed) this.#invoke(reader.bytes);
    else if (coding === undefined) this.refuse(this.refusals.compressedWithNothing());
    else {
      decompress(coding, reader.bytes, this.around.maxRequestBytes, this.refusals, (failure, whole) => {
        if (failure !== undefined) this.refuse(failure);
        else if (!this.over) this.#invoke(whole);
      });
    }
  }

  #invoke(bytes: Uint8Array): void {
    let request: Message;
    try {
      request = this.decode(bytes);
    } catch (thrown) {
      this.refuse(this.refusals.unreadable(thrown instanceof Error ? thrown.message : undefined));
      return;
    }
    if (this.call.isSigned) this.call.body = bytes;
    this.invoked = true;
    const failed = (thrown: unknown): void => this.finish(Fault.from(thrown));
    try {
      this.rpc.handle(this.call, request, this).then(() => this.#succeed(), failed);
    } catch (thrown) {
      failed(thrown);
    }
  }

  #succeed(): void {
    if (this.over) return;
    try {
      if (this.unary && this.#answer === undefined)
        throw new Fault('INTERNAL', 'internal error', { cause: 'no message in the reply' });
      this.conclude(this.#answer, this.gathered.take());
    } catch (thrown) {
      this.finish(Fault.from(thrown));
    }
  }

  /** Ends the call with a fault; the first end counts. */
  protected finish(fault: Fault, refusal?: Refusal): void {
    if (this.over) return;
    this.over = true;
    this.fault = fault;
    const { arriving, lingering, unread } = this.around;
    arriving.forget(this);
    if (this.gone) return;
    const status = this.around.statusOf(fault);
    if (!this.#requestEnded) {
      // What is thrown away from here on is no part of the call.
      this.onceFinished(() => this.#end());
      this.discard();
    }
    (this.invoked && this.call.cancellation.fault !== undefined ? lingering : unread).watch(this);
    this.tell(
      refusal === undefined
        ? status
        : { ...status, code: refusal.code ?? status.code, message: refusal.text ?? status.message },
      refusal,
    );
  }

  /** Counts the time for which the caller reads nothing. */
  #block(): void {
    if (this.#blocked) return;
    this.#blocked = true;
    this.around.unread.watch(this);
    if (this.#watchesDrain) return;
    this.#watchesDrain = true;
    this.sink.on('drain', () => {
      this.#blocked = false;
      if (!this.over) this.around.unread.forget(this);
      this.#resume();
    });
  }

  #resume(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) for (const resume of waiting) resume();
  }

  /** Nothing reaches the caller any more. */
  protected closed(): void {
    // A fault costs its stack, and most calls end well.
    if (!this.delivered) this.call.cancellation.cancel(new Fault('CANCELLED', 'the caller went away'));
    this.over = true;
    const { arriving, unread, lingering } = this.around;
    arriving.forget(this);
    unread.forget(this);
    lingering.forget(this);
    this.#resume();
    this.#end();
  }

  /** Tells how the call ended; an answer that did not get through is none. */
  #end(): void {
    const fault = this.fault ?? (this.delivered ? undefined : this.call.cancellation.fault);
    this.around.calls.end(this.call, fault);
  }
}
