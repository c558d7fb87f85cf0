import type { Call } from '../../kernel/call.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Code, Fault } from '../../kernel/fault.ts';
import type { ChatChunk, ChatRequest, ChatResponse } from '../../kernel/messages.ts';
import type { Interceptor, Method, Reply } from '../../kernel/method.ts';
import { pause } from '../../kernel/pause.ts';
import type { CacheEvents, CacheResult, KeptAnswer, ResponseStore, Turn } from '../../kernel/response-cache.ts';
import { type Catalog, resolve } from '../resolve.ts';
import { validate } from '../validate.ts';
import { type CacheDirectives, noDirectives, readCacheControl } from './cache-control.ts';
import { Flight, type Found } from './flight.ts';
import { decodeKept, encodeKept } from './kept.ts';
import { cacheKey } from './key.ts';
import { chunksOf } from './replay.ts';
import { type CachePolicy, mayCache, mayKeep } from './rules.ts';
import { LiveSeat, WaitingSeat } from './seat.ts';
import { type ReplayPace, sendPaced } from './send.ts';
import { serveKept, tellFlight, tellKept, tellResult } from './tell.ts';

export interface CacheOptions {
  /** Asked anew for each call, so that it may be swapped. */
  readonly catalog: () => Catalog;
  readonly store: ResponseStore;
  /** By the route's name; undefined for one whose answers are not kept. */
  readonly routes: ReadonlyMap<string, CachePolicy | undefined>;
  /** For models that are asked for without a route. */
  readonly direct: CachePolicy | undefined;
  readonly replay: ReplayPace;
  /** What an answer may weigh at most to be kept. */
  readonly maxEntryBytes: number;
  readonly clock: Clock;
  readonly events: CacheEvents;
}

type ChatMethod = Method<ChatRequest, ChatChunk | ChatResponse>;
type ChatReply = Reply<ChatChunk | ChatResponse>;

/** How long a call that waits for another process's answer waits before it looks again. */
const firstLookMs = 20;
const lastLookMs = 200;

const notCached = () =>
  new Fault('NOT_CACHED', 'no answer is kept for this request, and cache-control: only-if-cached asks for no other');

/** Faults that the same request would get again. */
const ofTheRequest: ReadonlySet<Code> = new Set([Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.FAILED_PRECONDITION]);

/**
 * Answers chat calls with what was answered to the same request before, and asks only once where many ask the same at a
 * time. It stands behind the limits: a call that it answers counts as one. Sealed calls pass it by.
 */
export function createCache(options: CacheOptions): Interceptor {
  const { catalog, store, routes, direct, replay, maxEntryBytes, clock, events } = options;
  const flights = new Map<string, Flight>();

  const policyOf = ({ provider, model }: ChatRequest): CachePolicy | undefined =>
    provider === '' && routes.has(model) ? routes.get(model) : direct;

  const ageOf = ({ storedAt }: KeptAnswer): number => Math.max(0, clock.wall() - storedAt);

  /** What is kept, where it will do. */
  function read(kept: KeptAnswer | undefined, asked: Asked): ChatResponse | undefined {
    if (kept === undefined) return undefined;
    const { maxAgeMs, minFreshMs } = asked.directives;
    if (ageOf(kept) > maxAgeMs || kept.expiresAt - clock.wall() < minFreshMs) return undefined;
    const response = decodeKept(kept.bytes, asked.request);
    if (response === undefined) {
      events.storeFailed('corrupt');
      store.drop(asked.key);
    }
    return response;
  }

  /** Sends an answer that was there. */
  function send(asked: Asked, response: ChatResponse, result: CacheResult, ageMs: number): Promise<void> | undefined {
    const { call, reply, streaming } = asked;
    events.served(result);
    tellKept(call, response.report, result, ageMs);
    const own = { ...response, report: serveKept(call, response, result, ageMs, clock.now()) };
    if (streaming) return sendPaced(chunksOf(own, replay.chunk), replay.paceMs, call, reply, clock);
    reply.message(own);
    return undefined;
  }

  /** Waits until the answer is there, or it is for this process to get it. */
  async function claim(flight: Flight, asked: Asked, first: Promise<Turn>): Promise<Found | undefined> {
    let look = firstLookMs;
    let waited = false;
    for (let turn: Turn | undefined = await first; turn !== undefined; turn = await store.claim?.(asked.key)) {
      const { kept, ours } = turn;
      const response = read(kept, asked);
      if (kept !== undefined && response !== undefined) {
        if (ours) store.release?.(asked.key);
        return { response, kept, waited };
      }
      if (ours) return undefined;
      if (!waited) events.waited('store');
      waited = true;
      await pause(clock, flight.call, look);
      look = Math.min(look * 1.5, lastLookMs);
    }
    return undefined;
  }

  function keep(response: ChatResponse | undefined, { request, key, policy }: Asked, oversize: boolean): void {
    if (response === undefined || !mayKeep(request, response)) {
      events.kept('not_whole');
      return;
    }
    const bytes = oversize ? undefined : encodeKept(response);
    if (bytes === undefined || bytes.length > maxEntryBytes) events.kept('too_large');
    else {
      store.put(key, bytes, policy.ttlMs);
      events.kept('kept');
    }
  }

  async function fly(flight: Flight, asked: Asked, alone: boolean): Promise<void> {
    let ours = false;
    let fault: Fault | undefined;
    try {
      const found = alone || store.claim === undefined ? undefined : await claim(flight, asked, store.claim(asked.key));
      if (found !== undefined) flight.find(found);
      else {
        ours = !alone;
        flight.call.cancellation.throwIfCancelled();
        await asked.method(flight.call, asked.request, flight);
      }
    } catch (thrown) {
      fault = Fault.from(thrown);
    }
    flight.settle(fault);
    if (fault === undefined && flight.found === undefined) keep(flight.response, asked, flight.oversize);
    if (ours) store.release?.(asked.key);
  }

  /** Begins to ask; where nobody else may have a part in it, for this caller `alone`. */
  function launch(asked: Asked, result: CacheResult, alone: boolean): Promise<void> {
    const { call, key, streaming } = asked;
    const flight: Flight = new Flight(call, streaming, result, maxEntryBytes, () => {
      if (flights.get(key) === flight) flights.delete(key);
    });
    if (!alone) flights.set(key, flight);
    const landed = ride(flight, asked, result);
    void fly(flight, asked, alone);
    return landed;
  }

  /** Takes a flight's answer to its caller. Rejects with Missed where the caller may try anew. */
  async function ride(flight: Flight, asked: Asked, result: CacheResult): Promise<void> {
    const { call, reply, streaming } = asked;
    const begin = () => {
      tellFlight(call, flight.call.replyHeaders, result);
      call.firstTokenAt ??= clock.now();
    };
    const report = (usage: ChatResponse['usage']) => {
      if (flight.payer === call) return flight.bill(call);
      return serveKept(call, { report: flight.call.report, usage }, 'shared', 0, clock.now());
    };
    const seat =
      streaming && flight.streaming
        ? new LiveSeat(flight, call, reply, begin, (last) => ({ ...last, report: report(last.usage) }))
        : new WaitingSeat(flight, call);
    seat.sit();
    try {
      await seat.done;
    } catch (thrown) {
      const fault = Fault.from(thrown);
      const pays = flight.payer === call;
      if (!pays && !seat.left && !seat.begun && !ofTheRequest.has(fault.shape.code)) throw new Missed(fault);
      events.served(result);
      if (!seat.left) tellFlight(call, flight.call.replyHeaders, result);
      flight.bill(call);
      throw fault;
    }
    const { response, found } = flight;
    if (found !== undefined) return send(asked, found.response, found.waited ? 'shared' : 'hit', ageOf(found.kept));
    events.served(result);
    if (seat.begun) return;
    if (response === undefined) throw new Fault('INTERNAL', 'internal error', { cause: 'a flight without an answer' });
    begin();
    const own = { ...response, report: report(response.usage) };
    if (streaming) return sendPaced(chunksOf(own, replay.chunk), replay.paceMs, call, reply, clock);
    reply.message(own);
  }

  /** Asks, with all who ask the same at the time. A failure that is not the request's own is tried once more. */
  async function ask(asked: Asked): Promise<void> {
    for (let again = false; ; again = true) {
      const under = flights.get(asked.key);
      if (under !== undefined) events.waited('process');
      try {
        return await (under === undefined ? launch(asked, 'miss', false) : ride(under, asked, 'shared'));
      } catch (thrown) {
        if (!(thrown instanceof Missed)) throw thrown;
        if (!again) continue;
        events.served('shared');
        throw thrown.fault;
      }
    }
  }

  const answer = async (asked: Asked, kept: Promise<KeptAnswer | undefined>): Promise<void> => {
    const found = await kept;
    asked.call.cancellation.throwIfCancelled();
    await settle(asked, found);
  };

  function settle(asked: Asked, kept: KeptAnswer | undefined): Promise<void> | undefined {
    const response = read(kept, asked);
    if (response !== undefined && kept !== undefined) return send(asked, response, 'hit', ageOf(kept));
    if (asked.directives.onlyIfCached) throw notCached();
    return ask(asked);
  }

  /** Looks the answer up, or asks. Throws what a route's own plan would throw: who may not ask is not answered. */
  function serve(call: Call, request: ChatRequest, reply: ChatReply, method: ChatMethod, policy: CachePolicy) {
    const header = call.headers['cache-control'];
    const directives = header === undefined ? noDirectives : readCacheControl(header);
    if (!mayCache(request, policy, directives)) {
      if (directives.onlyIfCached) throw notCached();
      events.served('bypass');
      tellResult(call, 'bypass');
      return method(call, request, reply);
    }
    call.requestedModel = request.model;
    const { name, destination } = resolve(catalog(), call, request);
    call.requestedModel = name;
    validate(request);
    const streaming = call.method.endsWith('/StreamChatCompletion');
    call.streaming = streaming;
    const key = cacheKey(call, destination, request);
    const asked: Asked = { call, request, reply, method, policy, directives, key, streaming };
    if (directives.noCache) {
      if (directives.onlyIfCached) throw notCached();
      return launch(asked, 'refresh', true);
    }
    if (flights.has(key) && !directives.onlyIfCached) return ask(asked);
    const kept = store.get(key);
    return kept instanceof Promise ? answer(asked, kept) : settle(asked, kept);
  }

  return (next) => {
    const method = next as unknown as ChatMethod;
    const cached = async (call: Call, request: ChatRequest, reply: ChatReply, policy: CachePolicy): Promise<void> => {
      await serve(call, request, reply, method, policy);
    };
    // Not async: a call of a route without cache pays a look into a map.
    const handle: ChatMethod = (call, request, reply) => {
      const policy = policyOf(request);
      if (policy !== undefined && call.sealedBy === '') return cached(call, request, reply, policy);
      const header = call.headers['cache-control'];
      if (header !== undefined && readCacheControl(header).onlyIfCached) return Promise.reject(notCached());
      return method(call, request, reply);
    };
    return handle as unknown as typeof next;
  };
}

/** One call, and what it may be served by. */
interface Asked {
  readonly call: Call;
  readonly request: ChatRequest;
  readonly reply: ChatReply;
  readonly method: ChatMethod;
  readonly policy: CachePolicy;
  readonly directives: CacheDirectives;
  readonly key: string;
  readonly streaming: boolean;
}

/** The flight that a call was in failed through no fault of the request, before the call had anything of it. */
class Missed extends Error {
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}
