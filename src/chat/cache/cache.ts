import type { Call } from '../../kernel/call.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import type { Interceptor } from '../../kernel/method.ts';
import type { CacheEvents, KeptAnswer, ResponseStore } from '../../kernel/response-cache.ts';
import { type Catalog, resolve } from '../resolve.ts';
import { validate } from '../validate.ts';
import type { Asked, ChatMethod, ChatReply } from './asked.ts';
import { noDirectives, readCacheControl } from './cache-control.ts';
import { Flights } from './flights.ts';
import { cacheKey } from './key.ts';
import { type CachePolicy, mayCache } from './rules.ts';
import { type ReplayPace, Sender } from './send.ts';
import { Shelf } from './shelf.ts';
import { tellResult } from './tell.ts';

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

const notCached = () =>
  new Fault('NOT_CACHED', 'no answer is kept for this request, and cache-control: only-if-cached asks for no other');

/**
 * Answers chat calls with what was answered to the same request before, and asks only once where many ask the same at a
 * time. It stands behind the limits: a call that it answers counts as one. Sealed calls pass it by.
 */
export function createCache(options: CacheOptions): Interceptor {
  const { catalog, store, routes, direct, replay, maxEntryBytes, clock, events } = options;
  const shelf = new Shelf({ store, maxEntryBytes, clock, events });
  const sender = new Sender(replay, clock);
  const flights = new Flights({ store, shelf, sender, maxEntryBytes, clock, events });

  const policyOf = ({ provider, model }: ChatRequest): CachePolicy | undefined =>
    provider === '' && routes.has(model) ? routes.get(model) : direct;

  function answer(asked: Asked, kept: KeptAnswer | undefined): Promise<void> | undefined {
    const found = shelf.read(kept, asked);
    if (found !== undefined) {
      events.served('hit');
      return sender.sendFound(asked, found, 'hit');
    }
    if (asked.directives.onlyIfCached) throw notCached();
    return flights.ask(asked);
  }

  async function answerLater(asked: Asked, kept: Promise<KeptAnswer | undefined>): Promise<void> {
    const known = await kept;
    asked.call.cancellation.throwIfCancelled();
    await answer(asked, known);
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
      return flights.launch(asked, 'refresh');
    }
    if (flights.has(key) && !directives.onlyIfCached) return flights.ask(asked);
    const kept = store.get(key);
    return kept instanceof Promise ? answerLater(asked, kept) : answer(asked, kept);
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
