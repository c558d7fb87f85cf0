import { describe, expect, test } from 'vitest';
import { Fault } from '../kernel/fault.ts';
import { answer, type FakeUpstream, settings } from './testing/harness.ts';
import { faultOf, settle, setUpWith } from './testing/set-up.ts';

const retry = { max: 2, backoffMs: 100, maxBackoffMs: 5_000, maxWaitMs: 5_000 };

/** Answers with each of these in turn, the last one for good. */
const inTurn = (upstream: FakeUpstream, ...answers: [status: number, body: string][]) => {
  upstream.script = (sent) => {
    const [status, body] = answers.length > 1 ? (answers.shift() ?? [500, '']) : (answers[0] ?? [500, '']);
    answer(status, body)(sent);
  };
};

describe('retries', () => {
  test('a passing failure is retried on the tier’s only target before the next tier', async () => {
    const { upstream, complete, whole } = setUpWith({ retry }, 'a', 'b/2');
    inTurn(upstream(0), [500, 'provider'], [500, 'provider'], [200, 'from a']);
    await complete();
    expect(whole.messages[0]?.choices[0]?.message?.content).toBe('from a');
    expect(upstream(1).sent).toHaveLength(0);
  });

  test('at most so many, then the next tier', async () => {
    const { upstream, complete, whole } = setUpWith({ retry }, 'a', 'b/2');
    inTurn(upstream(0), [500, 'provider']);
    inTurn(upstream(1), [200, 'from b']);
    await complete();
    expect(upstream(0).sent).toHaveLength(3);
    expect(whole.messages[0]?.choices[0]?.message?.content).toBe('from b');
  });

  test('others of the tier come first, at once', async () => {
    const { upstream, complete, clock } = setUpWith({ retry }, 'a', 'b', 'c/2');
    inTurn(upstream(0), [500, 'provider']);
    inTurn(upstream(1), [200, 'from b']);
    await complete();
    expect([upstream(0).sent.length, upstream(1).sent.length, upstream(2).sent.length]).toEqual([1, 1, 0]);
    expect(clock.pending).toBe(0);
  });

  test('the budget ends them', async () => {
    const budget = { ratio: 0, minimum: 1, windowMs: 10_000 };
    const { upstream, complete } = setUpWith({ retry, budget }, 'a', 'b/2');
    inTurn(upstream(0), [500, 'provider']);
    inTurn(upstream(1), [200, 'from b']);
    await complete();
    await complete();
    expect(upstream(0).sent).toHaveLength(3);
  });

  test('after five failures in a row the target is left alone, and probed once when its time has come', async () => {
    const { upstream, complete, clock } = setUpWith({ retry }, 'a', 'b/2');
    inTurn(upstream(0), [500, 'provider']);
    inTurn(upstream(1), [200, 'from b']);
    for (let i = 0; i < 4; i++) await complete();
    expect(upstream(0).sent).toHaveLength(5);
    clock.advance(5_000);
    await complete();
    await complete();
    expect(upstream(0).sent).toHaveLength(6);
    clock.advance(10_000);
    inTurn(upstream(0), [200, 'from a']);
    await complete();
    await complete();
    expect(upstream(0).sent).toHaveLength(8);
  });

  test('a single target that is ejected is not asked: the caller is told when to come back', async () => {
    const { upstream, complete } = setUpWith({}, 'a');
    inTurn(upstream(0), [500, 'provider']);
    for (let i = 0; i < 5; i++) await faultOf(complete());
    expect(await faultOf(complete())).toMatchObject({
      reason: 'PROVIDER_UNAVAILABLE',
      detail: { retryAfterMs: 5_000 },
    });
    expect(upstream(0).sent).toHaveLength(5);
  });

  test('a failing provider is told with a time to come back', async () => {
    const { upstream, complete } = setUpWith({}, 'a');
    inTurn(upstream(0), [500, 'provider']);
    expect(await faultOf(complete())).toMatchObject({
      reason: 'PROVIDER_UNAVAILABLE',
      detail: { retryAfterMs: 1_000 },
    });
  });

  test('with four targets and fewer than half healthy, all but the cooling ones are asked', async () => {
    const { upstream, complete } = setUpWith({}, 'a', 'b', 'c', 'd');
    for (const index of [0, 1, 2]) inTurn(upstream(index), [500, 'provider']);
    inTurn(upstream(3), [429, 'limit:9000']);
    for (let i = 0; i < 5; i++) await faultOf(complete());
    await faultOf(complete());
    expect([0, 1, 2, 3].map((index) => upstream(index).sent.length)).toEqual([6, 6, 6, 1]);
  });
});

describe('limits', () => {
  test('a short Retry-After is waited for where nothing else of the tier can serve', async () => {
    const { upstream, complete, clock, whole } = setUpWith({ retry }, 'a', 'b/2');
    inTurn(upstream(0), [429, 'limit:2000'], [200, 'from a']);
    const done = complete();
    await settle();
    clock.advance(1_999);
    await settle();
    expect(upstream(0).sent).toHaveLength(1);
    clock.advance(1);
    await done;
    expect(whole.messages[0]?.choices[0]?.message?.content).toBe('from a');
  });

  test.each([
    ['a longer one', 'limit:6000', undefined],
    ['one beyond the deadline', 'limit:2000', 1_500],
  ])('%s is not: the next tier serves at once', async (_, limit, deadline) => {
    const { upstream, complete, call } = setUpWith({ retry }, 'a', 'b/2');
    call.deadline = deadline;
    inTurn(upstream(0), [429, limit]);
    inTurn(upstream(1), [200, 'from b']);
    await complete();
    expect(upstream(0).sent).toHaveLength(1);
    await complete();
    expect(upstream(0).sent).toHaveLength(1);
  });

  test('a call that finds all limited waits if it is short, and is told the shortest wait if not', async () => {
    const { upstream, complete, clock } = setUpWith({ retry }, 'a', 'b');
    inTurn(upstream(0), [429, 'limit:9000']);
    inTurn(upstream(1), [429, 'limit:7000'], [200, 'from b']);
    expect(await faultOf(complete())).toMatchObject({ detail: { retryAfterMs: 7_000 } });
    clock.advance(1_000);
    expect(await faultOf(complete())).toMatchObject({
      reason: 'PROVIDER_RATE_LIMITED',
      detail: { retryAfterMs: 6_000 },
    });
    clock.advance(2_000);
    const done = complete();
    await settle();
    clock.advance(4_000);
    await done;
    expect(upstream(1).sent).toHaveLength(2);
  });

  test('keys are used in turn; a limited or refused one rests while the others serve', async () => {
    const { upstream, complete } = setUpWith({ retry, provider: { keys: ['k1', 'k2', 'k3'] } }, 'a');
    const bad: Record<string, [number, string]> = { k1: [429, 'limit:9000'], k2: [401, 'credential'] };
    upstream(0).script = (sent) => answer(...(bad[sent.request.headers['key'] ?? ''] ?? [200, 'fine']))(sent);
    for (let i = 0; i < 3; i++) await complete();
    expect(upstream(0).sent.map(({ request }) => request.headers['key'])).toEqual(['k1', 'k2', 'k3', 'k3', 'k3']);
  });

  test('a key that all refuse is our failure, not the caller’s', async () => {
    const { upstream, complete } = setUpWith({ retry }, 'a');
    upstream(0).script = answer(401, 'credential');
    expect(await faultOf(complete())).toMatchObject({ detail: { blame: 'credential' } });
    expect(upstream(0).sent).toHaveLength(1);
  });
});

describe('a context too long', () => {
  test.each([
    [false, 0],
    [true, 1],
  ])('goes to another target if the route says so: %s', async (contextFallback, asked) => {
    const { upstream, complete } = setUpWith({ retry, contextFallback }, 'a', 'b/2');
    upstream(0).script = answer(400, 'context');
    upstream(1).script = answer(200, 'from b');
    await complete().catch(() => {});
    expect(upstream(0).sent).toHaveLength(1);
    expect(upstream(1).sent).toHaveLength(asked);
  });
});

describe('a cancelled call', () => {
  const gone = new Fault('CANCELLED', 'gone');

  test('leaves its backoff at once, and asks nobody any more', async () => {
    const { upstream, complete, call, clock } = setUpWith({ retry }, 'a', 'b/2');
    inTurn(upstream(0), [429, 'limit:2000']);
    const done = faultOf(complete());
    await settle();
    call.cancellation.cancel(gone);
    expect((await done).reason).toBe('CANCELLED');
    clock.advance(10_000);
    await settle();
    expect([upstream(0).sent.length, upstream(1).sent.length]).toEqual([1, 0]);
    expect(clock.pending).toBe(0);
  });

  test('leaves the queue at once, and gives its place to the next', async () => {
    const admission = { maxConcurrent: 1, maxQueue: 5, maxQueueMs: 5_000 };
    const { upstream, complete, call } = setUpWith({ admission }, 'a');
    const first = faultOf(complete());
    const second = faultOf(complete());
    await settle();
    expect(upstream(0).sent).toHaveLength(1);
    call.cancellation.cancel(gone);
    expect([(await first).reason, (await second).reason]).toEqual(['CANCELLED', 'CANCELLED']);
    expect(upstream(0).sent).toHaveLength(1);
  });

  test('that had been accepted is accounted for as partial', async () => {
    const { upstream, complete, call } = setUpWith({}, 'a');
    const done = faultOf(complete());
    upstream(0).sent[0]?.handler.head(200, {});
    call.cancellation.cancel(gone);
    await done;
    expect(call.usage).toMatchObject({ partial: true, estimated: true, completionTokens: 0 });
    expect(call.report?.attempts[0]?.usage).toBe(call.usage);
  });
});

test('routes and providers may set limits of their own', async () => {
  const routes = new Map([['fast', { retry: { max: 0 }, timeouts: { wholeMs: 50 } }]]);
  const { upstream, complete, clock } = setUpWith({ ...settings, retry, routes }, 'a');
  const done = faultOf(complete());
  clock.advance(50);
  expect((await done).reason).toBe('PROVIDER_TIMEOUT');
  inTurn(upstream(0), [500, 'provider']);
  await faultOf(complete());
  expect(upstream(0).sent).toHaveLength(2);
});
