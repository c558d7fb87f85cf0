import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ChatCompletionResponse } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Balancer } from '../../balancer/balancer.ts';
import { intercept } from '../../interceptors/pipeline.ts';
import { Call } from '../../kernel/call.ts';
import { collect } from '../../kernel/collect.ts';
import { Fault } from '../../kernel/fault.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import type { KeptAnswer, ResponseStore, Turn } from '../../kernel/response-cache.ts';
import { MemoryResponseStore } from '../../stores/memory/response-store.ts';
import { createChat } from '../chat.ts';
import { answer, ask, events, FakeClock, fakeProvider, Inbox, settings, target } from '../testing/harness.ts';
import { faultOf, settle } from '../testing/set-up.ts';
import { type CacheOptions, createCache } from './cache.ts';

const policy = { ttlMs: 60_000, maxTemperature: 0, when: 'always' as const };
const paths = {
  whole: '/llmbridge.v1.ChatService/ChatCompletion',
  stream: '/llmbridge.v1.ChatService/StreamChatCompletion',
};
const gone = () => new Fault('CANCELLED', 'the caller went away');

let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
});

/** Answers and chunks alike. */
type Got = Pick<ChatCompletionResponse, 'report' | 'usage' | 'choices'>;

/** Chat behind the cache over one fake provider. */
function setUp(over: Partial<CacheOptions> = {}) {
  const provider = fakeProvider('a');
  const route = { name: 'fast', policy: ['priority'], targets: [target(provider)] };
  const open = { name: 'open', policy: ['priority'], targets: [target(provider)] };
  const catalog = () => ({
    providers: new Map([['a', provider]]),
    routes: new Map([
      ['fast', route],
      ['open', open],
    ]),
  });
  const told: string[] = [];
  const store = over.store ?? new MemoryResponseStore({ maxBytes: 1e6, clock, events: { evicted() {} } });
  const cache = createCache({
    catalog,
    store,
    routes: new Map([
      ['fast', policy],
      ['open', undefined],
    ]),
    direct: undefined,
    replay: { chunk: 3, paceMs: 0 },
    maxEntryBytes: 10_000,
    clock,
    events: {
      served: (result) => told.push(result),
      waited: (where) => told.push(`waits in ${where}`),
      kept: (outcome) => told.push(outcome),
      evicted: () => {},
      storeFailed: (why) => told.push(why),
    },
    ...over,
  });
  const balancer = new Balancer({ clock, settings, chance: () => 0 });
  const [whole, stream] = intercept(createChat({ catalog, balancer }), [cache]);
  if (whole === undefined || stream === undefined) throw new Error('two methods');
  let calls = 0;
  const begin = (
    kind: 'whole' | 'stream',
    {
      request = ask('fast'),
      user = '',
      control,
      sealedBy = '',
    }: Partial<Record<'user' | 'control' | 'sealedBy', string>> & { request?: ChatRequest } = {},
  ) => {
    const call = new Call({
      id: `call-${++calls}`,
      method: paths[kind],
      protocol: 'grpc',
      headers: control === undefined ? {} : { 'cache-control': control },
      address: '127.0.0.1',
      trace: { traceId: '', spanId: '', parentId: '', flags: '01', state: '' },
      startedAt: clock.now(),
    });
    call.principal = { user, method: 'api-key', credential: user };
    call.sealedBy = sealedBy;
    const inbox = new Inbox<Got>();
    const method = kind === 'whole' ? whole : stream;
    const done = method.handle(call, request, inbox as never);
    done.catch(() => {});
    return {
      call,
      inbox,
      done,
      result: () => call.replyHeaders['x-llmbridge-cache'],
      leave: () => call.cancellation.cancel(gone()),
      text: () =>
        kind === 'whole'
          ? inbox.messages[0]?.choices[0]?.message?.content
          : collect(inbox.messages as never).choices[0]?.message?.content,
    };
  };
  return {
    begin,
    told,
    store,
    sent: provider.upstream.sent,
    upstream: provider.upstream,
    reply: (index: number) => {
      const sent = provider.upstream.sent[index];
      if (sent === undefined) throw new Error('nothing was sent');
      return sent;
    },
  };
}

const open = (sent: ReturnType<ReturnType<typeof setUp>['reply']>, ...words: string[]) => {
  sent.handler.head(200, { 'x-request-id': 'theirs' });
  sent.handler.data(events(...words));
};

const answerStream = (sent: ReturnType<ReturnType<typeof setUp>['reply']>) => {
  open(sent, 'short', 'finish', '[DONE]');
  sent.handler.end();
};

describe('an answer that was given before', () => {
  test('is given again, whole or streamed, whichever it was', async () => {
    const { begin, sent, upstream, told } = setUp();
    upstream.script = answer(200, 'four words in all');
    const first = begin('whole');
    await first.done;
    clock.advance(2_500);
    const again = begin('whole');
    await again.done;
    const streamed = begin('stream');
    await streamed.done;
    expect([first.text(), again.text(), streamed.text()]).toEqual(Array(3).fill('four words in all'));
    expect(streamed.inbox.messages.length).toBeGreaterThan(6);
    expect(sent).toHaveLength(1);
    expect(again.call.replyHeaders).toMatchObject({
      'x-llmbridge-cache': 'hit',
      age: '2',
      'x-llmbridge-provider': 'a',
    });
    expect(told).toEqual(['kept', 'miss', 'hit', 'hit']);
    for (const { call, inbox } of [again, streamed]) {
      const last = inbox.messages.at(-1);
      expect(last?.report).toMatchObject({
        requestId: call.id,
        provider: 'a',
        cacheHit: true,
        cache: 'hit',
        cacheAgeMs: 2_500,
        costUsd: 0,
        attempts: [],
      });
      expect(call.report).toBe(last?.report);
      expect(call.usage).toMatchObject({ totalTokens: 3 });
    }
    expect(first.call.report).toMatchObject({ cacheHit: false, cache: 'miss', attempts: [{ provider: 'a' }] });
    const fresh = setUp();
    const live = fresh.begin('stream');
    open(fresh.reply(0), 'role', 'one ', 'two', 'finish', 'usage', '[DONE]');
    fresh.reply(0).handler.end();
    await live.done;
    const whole = fresh.begin('whole');
    await whole.done;
    expect([whole.text(), whole.result(), fresh.sent.length]).toEqual(['one two', 'hit', 1]);
  });

  test('is not given to another user, nor to who may not ask, nor beyond its time, nor where it is not kept', async () => {
    const { begin, sent, upstream } = setUp();
    upstream.script = answer(200, 'yes');
    await begin('whole', { user: 'alice' }).done;
    await begin('whole', { user: 'bob' }).done;
    await begin('whole').done;
    expect(sent).toHaveLength(3);
    await begin('whole', { user: 'bob' }).done;
    expect(sent).toHaveLength(3);
    clock.advance(60_000);
    await begin('whole', { user: 'bob' }).done;
    expect(sent).toHaveLength(4);
    for (let i = 0; i < 2; i++) {
      const other = begin('whole', { request: ask('open') });
      await other.done;
      expect(other.result()).toBeUndefined();
    }
    expect(sent).toHaveLength(6);
  });

  test('is read as cache-control says', async () => {
    const { begin, sent, upstream } = setUp();
    upstream.script = answer(200, 'yes');
    const serve = async (control: string) => {
      const one = begin('whole', { control });
      const fault = await one.done.then(
        () => undefined,
        (thrown: Fault) => thrown.reason,
      );
      return fault ?? one.result();
    };
    expect(await serve('only-if-cached')).toBe('NOT_CACHED');
    expect(await serve('no-store')).toBe('bypass');
    expect(await serve('only-if-cached')).toBe('NOT_CACHED');
    expect(await serve('no-cache')).toBe('refresh');
    expect(await serve('only-if-cached')).toBe('hit');
    clock.advance(10_000);
    expect(await serve('max-age=10')).toBe('hit');
    expect(await serve('min-fresh=50')).toBe('hit');
    expect(await serve('min-fresh=51, only-if-cached')).toBe('NOT_CACHED');
    expect(await serve('max-age=9, only-if-cached')).toBe('NOT_CACHED');
    expect(await serve('max-age=9')).toBe('miss');
    expect(await serve('max-age=9')).toBe('hit');
    expect(await serve('no-cache, only-if-cached')).toBe('NOT_CACHED');
    expect(sent).toHaveLength(3);
    const elsewhere = begin('whole', { request: ask('open'), control: 'only-if-cached' });
    expect((await faultOf(elsewhere.done)).reason).toBe('NOT_CACHED');
    expect(sent).toHaveLength(3);
  });

  test('is no fault, no part, nothing that makes no sense, and nothing too large', async () => {
    const { begin, upstream, told } = setUp({ maxEntryBytes: 400 });
    upstream.script = answer(500, 'provider');
    await faultOf(begin('whole').done);
    upstream.script = answer(200, 'x'.repeat(500));
    await begin('whole').done;
    upstream.script = undefined;
    const cut = begin('stream');
    open(upstream.sent[2] as never, 'half');
    upstream.sent[2]?.handler.error('reset' as never, new Error('reset'));
    expect((await faultOf(cut.done)).reason).toBe('PROVIDER_STREAM_CUT');
    const left = begin('stream');
    open(upstream.sent[3] as never, 'half');
    left.leave();
    await faultOf(left.done);
    expect(upstream.sent[3]?.cancelled).toBe(true);
    expect(told).toEqual(['miss', 'too_large', 'miss', 'miss', 'miss']);
    upstream.script = answer(200, 'good');
    await begin('whole').done;
    expect(told.slice(5)).toEqual(['kept', 'miss']);
  });

  test('that a store gives and that is none is taken out, and asked for anew', async () => {
    const dropped: string[] = [];
    const bad: KeptAnswer = { bytes: new Uint8Array([255, 1]), storedAt: 0, expiresAt: 9e15 };
    const { begin, upstream, told } = setUp({
      store: { get: () => bad, put() {}, drop: (key) => dropped.push(key), close: () => Promise.resolve() },
    });
    upstream.script = answer(200, 'good');
    const one = begin('whole');
    await one.done;
    expect(one.text()).toBe('good');
    expect(told).toEqual(['corrupt', 'kept', 'miss']);
    expect(dropped).toHaveLength(1);
  });

  test('is streamed at the pace that is set, and as fast as its caller reads', async () => {
    const { begin, upstream } = setUp({ replay: { chunk: 1, paceMs: 20 } });
    upstream.script = answer(200, 'abcd');
    await begin('whole').done;
    const paced = begin('stream');
    await settle();
    for (let at = 1; at <= 5; at++) {
      expect(paced.inbox.messages).toHaveLength(at);
      clock.advance(20);
      await settle();
    }
    await paced.done;
    const slow = setUp({ replay: { chunk: 1, paceMs: 0 } });
    slow.upstream.script = answer(200, 'abcd');
    await slow.begin('whole').done;
    const reader = slow.begin('stream');
    expect(reader.inbox.messages).toHaveLength(6);
    await reader.done;
    const left = begin('stream');
    await settle();
    left.leave();
    expect((await faultOf(left.done)).reason).toBe('CANCELLED');
    expect(left.inbox.messages).toHaveLength(1);
  });
});

describe('those who ask the same at once', () => {
  test('are answered by one call, streamed or not, and it is put down to one of them', async () => {
    const { begin, sent, reply, told } = setUp();
    const streams = [begin('stream'), begin('stream')];
    const whole = begin('whole');
    open(reply(0), 'one ');
    const late = begin('stream');
    await settle();
    expect([...streams, late].map((each) => each.text())).toEqual(['one ', 'one ', 'one ']);
    expect(late.call.replyHeaders).toMatchObject({ 'x-llmbridge-cache': 'shared', 'x-llmbridge-provider': 'a' });
    expect(late.call.replyHeaders['x-provider-request-id']).toBeUndefined();
    expect(streams[0]?.call.replyHeaders['x-provider-request-id']).toBe('theirs');
    open(reply(0), 'two', 'finish', 'usage', '[DONE]');
    reply(0).handler.end();
    const all = [...streams, late, whole];
    await Promise.all(all.map(({ done }) => done));
    expect(all.map((each) => each.text())).toEqual(Array(4).fill('one two'));
    expect(all.map(({ call }) => call.report?.attempts.length)).toEqual([1, 0, 0, 0]);
    expect(all.map(({ call }) => [call.report?.requestId, call.report?.cache, call.usage?.totalTokens])).toEqual([
      ['call-1', 'miss', 3],
      ['call-2', 'shared', 3],
      ['call-4', 'shared', 3],
      ['call-3', 'shared', 3],
    ]);
    expect(sent).toHaveLength(1);
    expect(told.filter((each) => each === 'waits in process')).toHaveLength(3);
    await begin('whole').done;
    expect(told.at(-1)).toBe('hit');
  });

  test('go on without the first of them, and each without any other; the last one takes the call along', async () => {
    const { begin, sent, reply, told } = setUp();
    const [first, second, third] = [begin('stream'), begin('stream'), begin('whole')];
    open(reply(0), 'one ');
    first.leave();
    expect((await faultOf(first.done)).reason).toBe('CANCELLED');
    expect(reply(0).cancelled).toBe(false);
    third.leave();
    expect((await faultOf(third.done)).reason).toBe('CANCELLED');
    open(reply(0), 'two', 'finish', 'usage', '[DONE]');
    reply(0).handler.end();
    await second.done;
    expect(second.text()).toBe('one two');
    // Who is there at the end has what it cost put down to it, and nobody else.
    expect([first, second, third].map(({ call }) => call.report?.attempts.length ?? 0)).toEqual([0, 1, 0]);
    expect(second.call.report?.requestId).toBe('call-2');
    expect(told.filter((each) => each === 'kept')).toHaveLength(1);

    const other = setUp();
    const pair = [other.begin('stream'), other.begin('stream')];
    open(other.reply(0), 'one ');
    pair[0]?.leave();
    expect(other.reply(0).cancelled).toBe(false);
    pair[1]?.leave();
    expect(other.reply(0).cancelled).toBe(true);
    expect(pair.map((each) => each?.call.report?.attempts.length ?? 0)).toEqual([0, 1]);
    expect(pair[1]?.call.usage?.partial).toBe(true);
    other.begin('whole');
    expect(other.sent).toHaveLength(2);
    expect(sent).toHaveLength(1);
  });

  test("a fault of the request's own is everybody's; another one is tried once more, by one for all the others", async () => {
    const own = setUp();
    const refused = [own.begin('whole'), own.begin('stream'), own.begin('whole')];
    answer(400, 'caller')(own.reply(0));
    for (const { done } of refused) expect((await faultOf(done)).reason).toBe('PROVIDER_REJECTED');
    expect(own.sent).toHaveLength(1);

    const { begin, sent, reply, told } = setUp();
    const four = [begin('whole'), begin('whole'), begin('stream'), begin('whole')];
    answer(500, 'provider')(reply(0));
    await settle();
    expect(sent).toHaveLength(2);
    expect((await faultOf(four[0]?.done as Promise<void>)).reason).toBe('PROVIDER_UNAVAILABLE');
    answer(500, 'provider')(reply(1));
    await settle();
    for (const each of four) expect((await faultOf(each?.done as Promise<void>)).reason).toBe('PROVIDER_UNAVAILABLE');
    expect(sent).toHaveLength(2);
    expect(four.map(({ call }) => call.report?.attempts.length ?? 0)).toEqual([1, 1, 0, 0]);
    expect(told.filter((each) => each === 'miss' || each === 'shared')).toHaveLength(4);
    begin('whole');
    expect(sent).toHaveLength(3);
  });

  test('a stream that breaks off is an error to all who had some of it', async () => {
    const { begin, reply, sent } = setUp();
    const pair = [begin('stream'), begin('stream')];
    const waits = begin('whole');
    open(reply(0), 'one ');
    reply(0).handler.error('reset' as never, new Error('reset'));
    for (const { done } of pair) expect((await faultOf(done)).reason).toBe('PROVIDER_STREAM_CUT');
    await settle();
    expect(sent).toHaveLength(2);
    answer(200, 'whole')(reply(1));
    await waits.done;
    expect(waits.text()).toBe('whole');
  });

  test('run at the pace of the fastest reader', async () => {
    const { begin, reply } = setUp();
    const [slow, fast] = [begin('stream'), begin('stream')];
    slow.inbox.full = true;
    open(reply(0), 'a', 'b', 'c');
    expect(reply(0).paused).toBe(false);
    expect(fast.text()).toBe('abc');
    fast.inbox.full = true;
    open(reply(0), 'd');
    expect(reply(0).paused).toBe(true);
    fast.inbox.drain();
    expect(reply(0).paused).toBe(false);
    open(reply(0), 'e', 'finish', '[DONE]');
    reply(0).handler.end();
    await fast.done;
    slow.inbox.drain();
    await slow.done;
    expect([slow.text(), fast.text()]).toEqual(['abcde', 'abcde']);
  });

  test('wait as long as the one with the most time', async () => {
    const { begin, reply } = setUp();
    const short = begin('whole');
    const long = begin('whole');
    short.call.cancellation.cancel(new Fault('DEADLINE_EXCEEDED', 'the deadline of the call has passed'));
    expect((await faultOf(short.done)).reason).toBe('DEADLINE_EXCEEDED');
    answer(200, 'late')(reply(0));
    await long.done;
    expect(long.text()).toBe('late');
  });
});

const steps = fc.array(
  fc.oneof(
    fc.constantFrom(
      ...(['whole', 'stream'] as const).map((kind) => ({ kind: 'begin' as const, as: kind })),
      { kind: 'chunk' as const },
      { kind: 'chunk' as const },
    ),
    fc.record({ kind: fc.constantFrom('leave' as const, 'block' as const, 'drain' as const), who: fc.nat(9) }),
  ),
  { maxLength: 40 },
);

test('whoever comes, leaves and reads slowly: who stays has all of it, and each attempt is put down to one', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      clock = new FakeClock();
      const { begin, sent } = setUp();
      const callers: ReturnType<typeof begin>[] = [];
      const left = new Set<number>();
      let said = new Map<number, string>();
      const current = () => (sent.at(-1)?.cancelled === false ? sent.length - 1 : undefined);
      for (const step of history) {
        if (step.kind === 'begin') callers.push(begin(step.as));
        else if (step.kind === 'chunk') {
          const at = current();
          const to = at === undefined ? undefined : sent[at];
          // A whole answer has no pieces.
          if (at === undefined || to === undefined || String(to.request.body) !== 'stream' || to.paused) continue;
          if (!said.has(at)) to.handler.head(200, {});
          const word = `w${said.get(at)?.length ?? 0}.`;
          said = said.set(at, (said.get(at) ?? '') + word);
          to.handler.data(events(word));
        } else {
          const one = callers[step.who];
          if (one === undefined || left.has(step.who)) continue;
          if (step.kind === 'leave') {
            left.add(step.who);
            one.leave();
          } else if (step.kind === 'block') one.inbox.full = true;
          else one.inbox.drain();
        }
        await settle();
        const stay = callers.filter((_, i) => !left.has(i));
        expect(current() !== undefined).toBe(stay.length > 0);
      }
      for (const { inbox } of callers) inbox.drain();
      const at = current();
      const to = at === undefined ? undefined : sent[at];
      let text = '';
      if (at !== undefined && to !== undefined) {
        const streamed = String(to.request.body) === 'stream';
        text = streamed ? `${said.get(at) ?? ''}end` : 'end';
        if (!streamed) answer(200, text)(to);
        else {
          if (!said.has(at)) to.handler.head(200, {});
          to.handler.data(events('end', 'finish', 'usage', '[DONE]'));
          to.handler.end();
        }
      }
      for (const [i, one] of callers.entries()) {
        if (left.has(i)) expect((await faultOf(one.done)).reason).toBe('CANCELLED');
        else {
          await one.done;
          expect(one.text()).toBe(text);
        }
      }
      const attempts = callers.flatMap(({ call }) => call.report?.attempts ?? []);
      expect(attempts).toHaveLength(sent.length);
    }),
    { numRuns: 150 },
  );
});

describe('over several processes', () => {
  /** A store whose claims the test decides on. */
  class ClaimedStore implements ResponseStore {
    readonly puts = new Map<string, KeptAnswer>();
    readonly released: ('unkept' | 'free')[] = [];
    theirs = true;
    asked = 0;
    get = (key: string) => Promise.resolve(this.puts.get(key));
    put = (key: string, bytes: Uint8Array, ttlMs: number) =>
      void this.puts.set(key, { bytes, storedAt: clock.wall(), expiresAt: clock.wall() + ttlMs });
    drop = (key: string) => void this.puts.delete(key);
    claim = (key: string): Promise<Turn> => {
      this.asked++;
      return Promise.resolve({ kept: this.puts.get(key), ours: !this.theirs });
    };
    release = (_key: string, unkept: boolean) => void this.released.push(unkept ? 'unkept' : 'free');
    close = () => Promise.resolve();
  }

  const kept = async () => {
    const { begin, upstream } = setUp();
    upstream.script = answer(200, 'theirs');
    const store = new ClaimedStore();
    store.theirs = false;
    const other = setUp({ store });
    other.upstream.script = answer(200, 'theirs');
    await other.begin('whole').done;
    await begin('whole').done;
    const [entry] = [...store.puts];
    if (entry === undefined) throw new Error('nothing was kept');
    return entry;
  };

  test('one asks, and the others are given its answer', async () => {
    const [key, entry] = await kept();
    const store = new ClaimedStore();
    const { begin, sent, told } = setUp({ store });
    const two = [begin('whole'), begin('stream')];
    await settle();
    for (let i = 0; i < 3; i++) {
      clock.advance(200);
      await settle();
    }
    expect([sent.length, store.asked]).toEqual([0, 4]);
    store.puts.set(key, entry);
    clock.advance(200);
    await settle();
    await Promise.all(two.map(({ done }) => done));
    expect(two.map((each) => [each.text(), each.result()])).toEqual([
      ['theirs', 'shared'],
      ['theirs', 'shared'],
    ]);
    expect(sent).toHaveLength(0);
    expect(told.filter((each) => each === 'waits in store')).toHaveLength(1);
  });

  test('whoever comes next asks when the one is gone, and what it gets is there before it lets go', async () => {
    const store = new ClaimedStore();
    const { begin, sent, upstream } = setUp({ store });
    upstream.script = answer(200, 'ours');
    const one = begin('whole');
    await settle();
    store.theirs = false;
    clock.advance(200);
    await one.done;
    expect([one.text(), one.result(), sent.length]).toEqual(['ours', 'miss', 1]);
    expect([store.puts.size, store.released]).toEqual([1, ['free']]);
    upstream.script = answer(500, 'provider');
    await faultOf(begin('whole', { user: 'bob' }).done);
    expect([store.puts.size, store.released]).toEqual([1, ['free', 'free']]);
  });

  test('nobody waits for an answer that is not kept, be it for its size before it is whole', async () => {
    const store = new ClaimedStore();
    store.theirs = false;
    const { begin, upstream, reply } = setUp({ store, maxEntryBytes: 300 });
    upstream.script = answer(200, '');
    await begin('whole').done;
    expect(store.released).toEqual(['unkept']);
    upstream.script = undefined;
    const long = begin('stream');
    await settle();
    open(reply(1), 'a '.repeat(100), 'b '.repeat(100));
    expect(store.released).toEqual(['unkept', 'unkept']);
    const other = begin('stream');
    await settle();
    open(reply(1), ...Array.from({ length: 200 }, () => 'c '), 'finish', '[DONE]');
    reply(1).handler.end();
    await long.done;
    expect(long.text()).toHaveLength(800);
    expect([store.puts.size, store.released.length]).toEqual([0, 2]);
    answerStream(reply(2));
    await other.done;
    expect(other.text()).toBe('short');
    expect([store.puts.size, store.released]).toEqual([1, ['unkept', 'unkept', 'free']]);
  });

  test('who goes away while it waits asks nobody', async () => {
    const store = new ClaimedStore();
    const { begin, sent } = setUp({ store });
    const one = begin('whole');
    await settle();
    one.leave();
    expect((await faultOf(one.done)).reason).toBe('CANCELLED');
    store.theirs = false;
    clock.advance(1_000);
    await settle();
    expect([sent.length, store.released.length]).toEqual([0, 0]);
  });
});

test('a sealed call is neither answered from the cache nor kept there, and nothing is said of it', async () => {
  const { begin, sent, upstream, told } = setUp();
  upstream.script = answer(200, 'plain');
  await begin('whole').done;
  const sealed = begin('whole', { sealedBy: 'k1' });
  await sealed.done;
  expect([sent.length, sealed.result(), told]).toEqual([2, undefined, ['kept', 'miss']]);
});
