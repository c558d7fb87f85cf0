import type { Call } from '../../kernel/call.ts';
import { Fault } from '../../kernel/fault.ts';
import { discard } from '../body.ts';
import type { Calls } from '../calls.ts';
import { openingOf } from '../opening.ts';
import type { SurfaceRequest, SurfaceResponse } from '../surface-io.ts';
import { type Envelope, inTheClear } from './envelope.ts';
import { errorHeaders, errorJson } from './errors.ts';
import { sendText } from './json-reply.ts';

const json = { 'content-type': 'application/json' } as const;

/** One request and its call: the caller is told once what became of it, and the call ends once it knows. */
export class Exchange {
  readonly call: Call;
  readonly request: SurfaceRequest;
  readonly response: SurfaceResponse;
  /** Set once the request turns out to be sealed: all that is said from then on is, too. */
  envelope: Envelope = inTheClear;
  readonly #calls: Calls;
  #settled = false;
  #closed = false;
  #fault: Fault | undefined;

  constructor(calls: Calls, call: Call, request: SurfaceRequest, response: SurfaceResponse) {
    this.#calls = calls;
    this.call = call;
    this.request = request;
    this.response = response;
    response.once('close', () => this.#close());
  }

  /** Sends a whole answer. */
  answer(status: number, text: string): void {
    sendText(this.request, this.response, status, { ...this.call.replyHeaders, ...json }, this.envelope(text, true));
    this.settle(undefined);
  }

  /** Tells a fault with its status, before anything was sent. */
  fail(fault: Fault, headers: Readonly<Record<string, string>> = {}): void {
    if (!this.#closed) {
      const all = { ...this.call.replyHeaders, ...errorHeaders(fault), ...headers, ...json };
      const text = this.envelope(errorJson(fault, this.call.report), true);
      sendText(this.request, this.response, fault.shape.http, all, text);
      // What is left of the request's body is read away, so that the caller comes to read the reply. No `connection:
      // close`: Node would close the socket under a caller that still sends, which then never sees it.
      discard(this.request);
    }
    this.settle(fault);
  }

  /** What became of the call is known, and its last byte written. */
  settle(fault: Fault | undefined): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#fault = fault;
    if (this.#closed) this.#calls.end(this.call, fault);
  }

  /** The reply is with the caller, or its socket is gone; whatever still works for it then stops, and settles. */
  #close(): void {
    this.#closed = true;
    if (!isDelivered(this.response)) {
      const gone = new Fault('CANCELLED', 'the caller went away');
      this.#fault ??= gone;
      this.call.cancellation.cancel(gone);
    }
    if (this.#settled) this.#calls.end(this.call, this.#fault);
  }
}

/**
 * Refuses a request that no method is asked by: a call all the same, with an id and a line in the log. One name for all
 * of them, since callers must not be able to make up metric labels.
 */
export function refuse(
  calls: Calls,
  request: SurfaceRequest,
  response: SurfaceResponse,
  fault: Fault,
  headers?: Readonly<Record<string, string>>,
): void {
  new Exchange(calls, calls.open(openingOf(request, 'unknown', 'http')), request, response).fail(fault, headers);
}

/** Whether the whole reply went out. Over HTTP/2 a reply counts as finished when its stream is reset, too. */
const isDelivered = ({ writableEnded, writableFinished, stream }: SurfaceResponse): boolean =>
  writableEnded && writableFinished && (stream?.rstCode ?? 0) === 0;
