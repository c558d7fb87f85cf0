import { expect, test } from 'vitest';
import { newChunk } from '../kernel/messages.ts';
import { Heading } from './heading.ts';
import { answer, events, FakeClock, openCall } from './testing/harness.ts';
import { setUp, setUpWith } from './testing/set-up.ts';

test('a whole answer of a provider that tells neither id nor time nor model', async () => {
  const { upstream, complete, whole } = setUp('a');
  upstream(0).script = answer(200, 'hello');
  await complete();
  expect(whole.messages[0]).toMatchObject({ id: 'chatcmpl-call-1', created: 1_800_000_000, model: 'm' });
});

test('every chunk of a stream has the same', async () => {
  const { upstream, stream, chunks, clock } = setUp('a');
  const done = stream();
  const [sent] = upstream(0).sent;
  sent?.handler.head(200, {});
  for (const word of ['role', 'hel', 'lo', 'finish', 'usage']) {
    clock.advance(1_500);
    sent?.handler.data(events(word));
  }
  sent?.handler.end();
  await done;
  expect(chunks.messages.length).toBeGreaterThan(3);
  for (const chunk of chunks.messages) {
    expect(chunk).toMatchObject({ id: 'chatcmpl-call-1', created: chunks.messages[0]?.created, model: 'm' });
  }
  expect(chunks.messages[0]?.created).toBeGreaterThanOrEqual(1_800_000_000);
});

test('a stream that another attempt completes keeps its own', async () => {
  const { upstream, stream, chunks } = setUpWith({ recovery: 'restart' }, 'a', 'b');
  upstream(0).script = ({ handler }) => {
    handler.head(200, {});
    handler.data(events('one ', 'two '));
    handler.error('reset', new Error('cut'));
  };
  upstream(1).script = answer(200, events('one ', 'two ', 'three', 'finish'));
  await stream();
  expect(new Set(chunks.messages.map(({ id, created }) => `${id} ${created}`)).size).toBe(1);
  expect(chunks.messages[0]?.id).toBe('chatcmpl-call-1');
});

test('what the provider tells stands, in chunks before and after those that tell it', () => {
  const heading = new Heading(openCall(new FakeClock()), new FakeClock());
  const [silent, telling, later] = [newChunk(), { ...newChunk(), id: 'own', created: 5, model: 'm-1' }, newChunk()];
  heading.begin([silent, telling], 'm');
  for (const chunk of [silent, telling, later]) {
    heading.put(chunk);
    expect(chunk).toMatchObject({ id: 'own', created: 5, model: 'm-1' });
  }
});
