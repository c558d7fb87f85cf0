import { expect, test } from 'vitest';
import { AttemptOutcome } from '../../gen/es/llmbridge/v1/report_pb.ts';
import { Fault } from '../kernel/fault.ts';
import { answer, events } from './testing/harness.ts';
import { faultOf, settle, setUpWith } from './testing/set-up.ts';

const setUp = (ratio = 1, ...names: string[]) =>
  setUpWith({ hedge: { enabled: true, delayMs: 100, ratio } }, ...(names.length > 0 ? names : ['a', 'b']));

test('a slow first token gets a rival; the first to begin is kept, the other’s socket closed at once', async () => {
  const { upstream, stream, clock, chunks, text, call } = setUp();
  const done = stream();
  await settle();
  clock.advance(99);
  expect(upstream(1).sent).toHaveLength(0);
  clock.advance(1);
  const [slow] = upstream(0).sent;
  const [fast] = upstream(1).sent;
  fast?.handler.head(200, {});
  fast?.handler.data(events('role'));
  expect(slow?.cancelled).toBe(false);
  fast?.handler.data(events('one '));
  expect(slow?.cancelled).toBe(true);
  fast?.handler.data(events('two', 'finish', 'usage'));
  fast?.handler.end();
  await done;
  expect(text()).toBe('one two');
  expect(chunks.messages.at(-1)?.report?.attempts).toMatchObject([
    // What the loser cost is counted, as far as anyone can tell.
    { provider: 'a', outcome: AttemptOutcome.CANCELLED, usage: { partial: true, estimated: true } },
    { provider: 'b', outcome: AttemptOutcome.OK, usage: { totalTokens: 3 } },
  ]);
  expect(call.usage?.totalTokens).toBe(3);
  expect(clock.pending).toBe(0);
});

test('the first may still win', async () => {
  const { upstream, complete, clock, whole } = setUp();
  const done = complete();
  await settle();
  clock.advance(100);
  const [first] = upstream(0).sent;
  if (first) answer(200, 'from a')(first);
  await done;
  expect(whole.messages[0]?.choices[0]?.message?.content).toBe('from a');
  expect(upstream(1).sent[0]?.cancelled).toBe(true);
});

test('one failure leaves the other running; two are a failure', async () => {
  const { upstream, complete, clock } = setUp();
  const done = faultOf(complete());
  await settle();
  clock.advance(100);
  const [first] = upstream(0).sent;
  const [second] = upstream(1).sent;
  if (first) answer(500, 'provider')(first);
  await settle();
  expect(second?.cancelled).toBe(false);
  if (second) answer(500, 'provider')(second);
  expect((await done).reason).toBe('PROVIDER_UNAVAILABLE');
});

test('a cancelled call closes both', async () => {
  const { upstream, complete, clock, call } = setUp();
  const done = faultOf(complete());
  await settle();
  clock.advance(100);
  call.cancellation.cancel(new Fault('CANCELLED', 'gone'));
  expect([upstream(0).sent[0]?.cancelled, upstream(1).sent[0]?.cancelled]).toEqual([true, true]);
  expect((await done).reason).toBe('CANCELLED');
  expect(clock.pending).toBe(0);
});

test('no more than the budget allows', async () => {
  const { upstream, complete, clock } = setUp(0.05);
  for (let i = 0; i < 100; i++) {
    const done = complete();
    await settle();
    clock.advance(100);
    const sent = upstream(0).sent[i];
    if (sent) answer(200, 'x')(sent);
    await done;
  }
  expect(upstream(1).sent).toHaveLength(5);
});

test('nobody else to ask, no rival', async () => {
  const { upstream, complete, clock } = setUp(1, 'a');
  const done = complete();
  await settle();
  clock.advance(1_000);
  const [sent] = upstream(0).sent;
  if (sent) answer(200, 'x')(sent);
  await done;
  expect(upstream(0).sent).toHaveLength(1);
});
