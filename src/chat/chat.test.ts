import { describe, expect, test } from 'vitest';
import { AttemptOutcome } from '../../gen/es/llmbridge/v1/report_pb.ts';
import { Fault } from '../kernel/fault.ts';
import type { Target } from '../kernel/provider.ts';
import { answer, events } from './testing/harness.ts';
import { faultOf, setUp, setUpWith } from './testing/set-up.ts';

describe('whole answers', () => {
  test('one message with usage and report', async () => {
    const { upstream, complete, whole, call } = setUp('a');
    upstream(0).script = answer(200, 'hello');
    await complete();
    const [reply] = whole.messages;
    expect(reply?.choices[0]?.message?.content).toBe('hello');
    expect(reply?.report).toMatchObject({ requestId: 'call-1', provider: 'a', model: 'm' });
    expect(call.usage?.totalTokens).toBe(3);
  });

  test.each(['limit', 'credential', 'target', 'provider'])(
    'a failure of kind %s moves on to the next target',
    async (blame) => {
      const { upstream, complete, whole } = setUp('a', 'b');
      upstream(0).script = answer(500, blame);
      upstream(1).script = answer(200, 'from b');
      await complete();
      expect(whole.messages[0]?.choices[0]?.message?.content).toBe('from b');
      expect(whole.messages[0]?.report?.attempts.map(({ provider, outcome }) => [provider, outcome])).toEqual([
        ['a', AttemptOutcome.FAILED],
        ['b', AttemptOutcome.OK],
      ]);
    },
  );

  test("the caller's own fault goes to no other target", async () => {
    const { upstream, complete } = setUp('a', 'b');
    upstream(0).script = answer(400, 'caller');
    expect((await faultOf(complete())).reason).toBe('PROVIDER_REJECTED');
    expect(upstream(1).sent).toHaveLength(0);
  });

  test('every target limited: the caller is told the shortest wait', async () => {
    const { upstream, complete } = setUp('a', 'b');
    for (const index of [0, 1]) upstream(index).script = answer(429, 'limit');
    expect(await faultOf(complete())).toMatchObject({ reason: 'PROVIDER_RATE_LIMITED', detail: { retryAfterMs: 7 } });
  });

  test('a connection that breaks after the head is a cut, before it an unavailable provider', async () => {
    const { upstream, complete } = setUp('a', 'b');
    upstream(0).script = ({ handler }) => handler.error('reset', new Error('x'));
    upstream(1).script = ({ handler }) => {
      handler.head(200, {});
      handler.data(Buffer.from('half'));
      handler.error('reset', new Error('x'));
    };
    const fault = await faultOf(complete());
    expect(fault.reason).toBe('PROVIDER_STREAM_CUT');
  });

  test('a silent provider is given up at the limit of whole answers and its socket closed', async () => {
    const { upstream, complete, clock } = setUp('a');
    const done = faultOf(complete());
    clock.advance(29_999);
    expect(upstream(0).sent[0]?.cancelled).toBe(false);
    clock.advance(1);
    expect((await done).reason).toBe('PROVIDER_TIMEOUT');
    expect(upstream(0).sent[0]?.cancelled).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test('a cancelled call closes the socket at once and starts no further attempt', async () => {
    const { upstream, complete, call } = setUp('a', 'b');
    const done = faultOf(complete());
    call.cancellation.cancel(new Fault('CANCELLED', 'gone'));
    expect(upstream(0).sent[0]?.cancelled).toBe(true);
    expect((await done).reason).toBe('CANCELLED');
    expect(upstream(1).sent).toHaveLength(0);
  });
});

describe('streams', () => {
  test('chunks as they come; usage and report in the last one', async () => {
    const { upstream, stream, chunks, text } = setUp('a');
    upstream(0).script = answer(200, events('role', 'one ', 'two', 'finish', 'usage'));
    await stream();
    expect(text()).toBe('one two');
    expect(chunks.messages).toHaveLength(4);
    expect(chunks.messages.at(-1)).toMatchObject({
      choices: [{ finishReason: 1 }],
      usage: { totalTokens: 3 },
      report: { provider: 'a' },
    });
  });

  test('before the first meaningful chunk a failure moves on, and nothing of it reaches the caller', async () => {
    const { upstream, stream, chunks, text } = setUp('a', 'b');
    upstream(0).script = ({ handler }) => {
      handler.head(200, {});
      handler.data(events('role'));
      handler.error('reset', new Error('x'));
    };
    upstream(1).script = answer(200, events('role', 'word', 'finish'));
    await stream();
    expect(text()).toBe('word');
    expect(chunks.messages.filter(({ choices }) => choices[0]?.delta?.role === 4)).toHaveLength(1);
  });

  test("after it a cut is the caller's to know, and no other target is asked", async () => {
    const { upstream, stream, text } = setUp('a', 'b');
    upstream(0).script = answer(200, events('role', 'half'));
    expect((await faultOf(stream())).reason).toBe('PROVIDER_STREAM_CUT');
    expect(text()).toBe('half');
    expect(upstream(1).sent).toHaveLength(0);
  });

  test('a stall after the first token ends at the idle limit, not while the caller reads slowly', async () => {
    const { upstream, stream, clock, chunks } = setUp('a');
    const done = faultOf(stream());
    const sent = upstream(0).sent[0];
    sent?.handler.head(200, {});
    sent?.handler.data(events('one'));
    clock.advance(20_000 - 1);
    sent?.handler.data(events('two'));
    chunks.full = true;
    sent?.handler.data(events('three'));
    expect(sent?.paused).toBe(true);
    clock.advance(40_000);
    expect(sent?.cancelled).toBe(false);
    chunks.drain();
    expect(sent?.paused).toBe(false);
    clock.advance(20_000);
    expect((await done).reason).toBe('PROVIDER_TIMEOUT');
    expect(sent?.cancelled).toBe(true);
  });

  test('a process that was stopped hears what the provider has said meanwhile, before it blames the provider', async () => {
    const { upstream, stream, clock, text } = setUp('a');
    const done = faultOf(stream());
    const sent = upstream(0).sent[0];
    sent?.handler.head(200, {});
    sent?.handler.data(events('one'));
    clock.stop(40_000);
    expect(sent?.cancelled).toBe(false);
    sent?.handler.data(events('two'));
    clock.advance(19_000);
    expect(sent?.cancelled).toBe(false);
    expect(text()).toBe('onetwo');
    clock.stop(30_000);
    clock.advance(1_000);
    expect((await done).reason).toBe('PROVIDER_TIMEOUT');
  });
});

describe('what a call costs', () => {
  const costOf = ({ provider: { name } }: Target) => (name === 'free' ? undefined : name === 'a' ? 0.25 : 0.5);

  test('is the sum of what its attempts cost, failed ones included', async () => {
    const { upstream, complete, whole } = setUpWith({ costOf }, 'a', 'b');
    upstream(0).script = ({ handler }) => {
      handler.head(200, {});
      handler.error('reset', new Error('x'));
    };
    upstream(1).script = answer(200, 'from b');
    await complete();
    expect(whole.messages[0]?.report).toMatchObject({ costUsd: 0.75, attempts: [{ costUsd: 0.25 }, { costUsd: 0.5 }] });
  });

  test('a refused attempt costs nothing', async () => {
    const { upstream, complete, whole } = setUpWith({ costOf }, 'a', 'b');
    upstream(0).script = answer(500, 'provider');
    upstream(1).script = answer(200, 'from b');
    await complete();
    expect(whole.messages[0]?.report?.costUsd).toBe(0.5);
  });

  test('is not told where a part of it is not known', async () => {
    const { upstream, complete, whole } = setUpWith({ costOf }, 'free', 'b');
    upstream(0).script = ({ handler }) => {
      handler.head(200, {});
      handler.error('reset', new Error('x'));
    };
    upstream(1).script = answer(200, 'from b');
    await complete();
    expect(whole.messages[0]?.report?.costUsd).toBeUndefined();
    expect(whole.messages[0]?.report?.attempts[1]?.costUsd).toBe(0.5);
  });

  test('is known of a call that failed', async () => {
    const { upstream, stream, call } = setUpWith({ costOf }, 'a');
    upstream(0).script = ({ handler }) => {
      handler.head(200, {});
      handler.data(events('one '));
      handler.error('reset', new Error('x'));
    };
    await faultOf(stream());
    expect(call.report?.costUsd).toBe(0.25);
  });
});
