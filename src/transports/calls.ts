import { randomFillSync, randomUUID } from 'node:crypto';
import type { CallInit, ClientCertificate, Headers, Protocol, Trace } from '../kernel/call.ts';
import { Call } from '../kernel/call.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { CallObserver } from '../kernel/observer.ts';
import { type Cidr, callerAddress } from './address.ts';

export interface CallsOptions {
  readonly observer: CallObserver;
  readonly clock: Clock;
  /** The networks whose x-forwarded-for is believed. */
  readonly trustedProxies: readonly Cidr[];
}

/** What a transport knows when a call's headers are in. */
export interface CallOpening {
  /** '/llmbridge.v1.ChatService/ChatCompletion', whatever the entrance. */
  readonly method: string;
  readonly protocol: Protocol;
  readonly headers: Headers;
  /** Address of the socket's other end; undefined when it is already gone. */
  readonly remoteAddress: string | undefined;
  /** The verified client certificate of the connection, if there is one. */
  readonly certificate?: ClientCertificate | undefined;
}

/** Every call of every entrance: opened once, ended once, counted between. */
export interface Calls {
  /** Opens a call and tells the observer. Sets the reply headers `x-request-id` and `traceparent`. */
  open(opening: CallOpening): Call;
  /** Ends a call and tells the observer; only the first end of a call counts. */
  end(call: Call, fault?: Fault): void;
  /** Cancels the call with DEADLINE_EXCEEDED in `ms` milliseconds unless it ends sooner, at once for 0. An earlier deadline stays. */
  armDeadline(call: Call, ms: number): void;
  /** Calls that are open now. */
  readonly inFlight: number;
  /** Cancels every open call, or those that `which` picks. Each still ends by its own transport. */
  cancelAll(fault: Fault, which?: (call: Call) => boolean): void;
  /** Resolves when no call is open. */
  idle(): Promise<void>;
}

export function createCalls({ observer, clock, trustedProxies }: CallsOptions): Calls {
  // Each open call and what disarms its deadline.
  const open = new Map<Call, (() => void) | undefined>();
  let waiting: (() => void)[] = [];

  return {
    open(opening) {
      const headers = opening.headers;
      const trace = traceOf(headers);
      const init: CallInit = {
        id: requestId(single(headers['x-request-id'])),
        method: opening.method,
        protocol: opening.protocol,
        headers,
        address: callerAddress(opening.remoteAddress ?? '', headers['x-forwarded-for'], trustedProxies),
        trace,
        startedAt: clock.now(),
      };
      const call = new Call(init);
      call.certificate = opening.certificate;
      call.replyHeaders['x-request-id'] = call.id;
      call.replyHeaders['traceparent'] = `00-${trace.traceId}-${trace.spanId}-${trace.flags}`;
      open.set(call, undefined);
      observer.begin(call);
      return call;
    },

    end(call, fault) {
      const disarm = open.get(call);
      if (!open.delete(call)) return;
      disarm?.();
      observer.end(call, fault);
      if (open.size > 0 || waiting.length === 0) return;
      const resolvers = waiting;
      waiting = [];
      for (const resolve of resolvers) resolve();
    },

    armDeadline(call, ms) {
      if (!open.has(call)) return;
      const deadline = clock.now() + ms;
      if (call.deadline !== undefined && call.deadline <= deadline) return;
      call.deadline = deadline;
      open.get(call)?.();
      const passed = (): void => {
        call.cancellation.cancel(new Fault('DEADLINE_EXCEEDED', 'the deadline of the call has passed'));
      };
      // A timer of no time at all would race the method.
      open.set(call, ms > 0 ? clock.after(Math.min(ms, longestTimer), passed) : undefined);
      if (ms <= 0) passed();
    },

    get inFlight() {
      return open.size;
    },

    cancelAll(fault, which = () => true) {
      for (const call of [...open.keys()]) if (which(call)) call.cancellation.cancel(fault);
    },

    idle() {
      if (open.size === 0) return Promise.resolve();
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
}

/** Timers overflow beyond this; a deadline of more than 24 days is one of 24 days. */
const longestTimer = 2 ** 31 - 1;

const safeId = /^[\w.:@=+/-]{1,128}$/;
const traceparent = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const zeroTrace = '0'.repeat(32);
const zeroSpan = '0'.repeat(16);

const requestId = (given: string | undefined): string =>
  given !== undefined && safeId.test(given) ? given : randomUUID();

/** W3C Trace Context, section 3.2: takes the caller's trace over, or starts one that is sampled. */
function traceOf(headers: Headers): Trace {
  const parsed = traceparent.exec(single(headers['traceparent']) ?? '');
  const [, version, traceId = '', parentId = '', flags = ''] = parsed ?? [];
  const valid =
    parsed !== null && version !== 'ff' && !(version === '00' && parsed[0].length !== 55) && traceId !== zeroTrace;
  if (!valid || parentId === zeroSpan) {
    return { traceId: randomHex(16), spanId: randomHex(8), parentId: '', flags: '01', state: '' };
  }
  const state = headers['tracestate'];
  return {
    traceId,
    spanId: randomHex(8),
    parentId,
    flags,
    state: Array.isArray(state) ? state.join(',') : (state ?? ''),
  };
}

const single = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

// Randomness is drawn 4 KiB at a time: a system call for each id would cost more than the id.
const pool = Buffer.alloc(4096);
let used = pool.length;

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}
