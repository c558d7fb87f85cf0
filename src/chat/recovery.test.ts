import { describe, expect, test } from 'vitest';
import { AttemptOutcome } from '../../gen/es/llmbridge/v1/report_pb.ts';
import type { RecoveryMode } from '../balancer/settings.ts';
import type { Provider } from '../kernel/provider.ts';
import { answer, events } from './testing/harness.ts';
import { faultOf, setUpWith } from './testing/set-up.ts';

const cut = answer(200, events('role', 'one ', 'two ', 'three'));
const whole = answer(200, events('role', 'one t', 'wo three', ' four', 'finish', 'usage'));
const setUp = (recovery: RecoveryMode, provider: Partial<Provider> = {}) =>
  setUpWith({ recovery, provider }, 'a', 'b/2');

describe('restart', () => {
  test('what was sent is not sent again, and the rest follows', async () => {
    const { upstream, stream, chunks, text, call } = setUp('restart');
    upstream(0).script = cut;
    upstream(1).script = whole;
    await stream();
    expect(text()).toBe('one two three four');
    expect(upstream(0).sent).toHaveLength(1);
    expect(chunks.messages.filter(({ choices }) => choices[0]?.delta?.role === 4)).toHaveLength(1);
    expect(chunks.messages.at(-1)?.report).toMatchObject({
      recovered: 'restart',
      model: 'm',
      provider: 'b',
      attempts: [
        { outcome: AttemptOutcome.CUT, usage: { partial: true, estimated: true, completionTokens: 4 } },
        { outcome: AttemptOutcome.OK, usage: { totalTokens: 3 } },
      ],
    });
    expect(call.usage?.totalTokens).toBe(3);
  });

  test('a stall is mended as a cut is', async () => {
    const { upstream, stream, text, clock } = setUp('restart');
    upstream(1).script = whole;
    const done = stream();
    upstream(0).sent[0]?.handler.head(200, {});
    upstream(0).sent[0]?.handler.data(events('role', 'one '));
    clock.advance(20_000);
    await done;
    expect(text()).toBe('one two three four');
    expect(upstream(0).sent[0]?.cancelled).toBe(true);
  });

  test('an answer that begins otherwise is an honest error, with nothing of it sent', async () => {
    const { upstream, stream, text } = setUp('restart');
    upstream(0).script = cut;
    upstream(1).script = answer(200, events('role', 'one ', 'or two', 'finish'));
    expect((await faultOf(stream())).reason).toBe('PROVIDER_STREAM_CUT');
    expect(text()).toBe('one two three');
  });

  test('so is one that ends before the caller has had it all', async () => {
    const { upstream, stream, text } = setUp('restart');
    upstream(0).script = cut;
    upstream(1).script = answer(200, events('role', 'one ', 'finish'));
    expect((await faultOf(stream())).reason).toBe('PROVIDER_STREAM_CUT');
    expect(text()).toBe('one two three');
  });

  test('a second cut is mended by whoever is left', async () => {
    const { upstream, stream, text } = setUpWith({ recovery: 'restart' }, 'a', 'b', 'c');
    upstream(0).script = cut;
    upstream(1).script = answer(200, events('one two three four '));
    upstream(2).script = answer(200, events('one two three four five', 'finish'));
    await stream();
    expect(text()).toBe('one two three four five');
  });

  test('where nobody is left the caller is told of the cut, not of what came after', async () => {
    const { upstream, stream, call } = setUp('restart');
    upstream(0).script = cut;
    upstream(1).script = answer(400, 'caller');
    expect((await faultOf(stream())).reason).toBe('PROVIDER_STREAM_CUT');
    expect(call.usage).toMatchObject({ partial: true, completionTokens: 4 });
  });

  test('a tool call half sent is never taken up', async () => {
    const { upstream, stream } = setUp('restart');
    upstream(0).script = answer(200, events('role', 'tool'));
    expect((await faultOf(stream())).reason).toBe('PROVIDER_STREAM_CUT');
    expect(upstream(1).sent).toHaveLength(0);
  });
});

describe('continue', () => {
  const rest = answer(200, events('role', ' four', 'finish', 'usage'));

  test('the text so far is the beginning of the answer that is asked for', async () => {
    const { upstream, stream, chunks, text, call } = setUp('continue', { prefill: true });
    upstream(0).script = cut;
    upstream(1).script = rest;
    await stream();
    expect(text()).toBe('one two three four');
    expect(upstream(1).sent[0]?.request.body).toBe('stream>one two three');
    expect(chunks.messages.at(-1)?.report?.recovered).toBe('continue');
    // Both parts were paid for.
    expect(call.usage).toMatchObject({ completionTokens: 4, partial: false, estimated: true });
    expect(call.usage?.totalTokens).toBeGreaterThan(8);
  });

  test('white space at the end, which is not sent as a prefill, comes only once', async () => {
    const { upstream, stream, text } = setUp('continue', { prefill: true });
    upstream(0).script = answer(200, events('role', 'one two three '));
    upstream(1).script = rest;
    await stream();
    expect(upstream(1).sent[0]?.request.body).toBe('stream>one two three');
    expect(text()).toBe('one two three four');
  });

  test('a target that refuses it is asked to start anew', async () => {
    const { upstream, stream, chunks, text } = setUp('continue', { prefill: true });
    upstream(0).script = cut;
    upstream(1).script = (sent) => (sent.request.body === 'stream' ? whole : answer(400, 'caller'))(sent);
    await stream();
    expect(text()).toBe('one two three four');
    expect(upstream(1).sent).toHaveLength(2);
    expect(chunks.messages.at(-1)?.report?.recovered).toBe('restart');
  });

  test('a dialect without it starts anew', async () => {
    const { upstream, stream, text } = setUp('continue');
    upstream(0).script = cut;
    upstream(1).script = whole;
    await stream();
    expect(upstream(1).sent[0]?.request.body).toBe('stream');
    expect(text()).toBe('one two three four');
  });
});

test('a stream that broke after its end mark is whole', async () => {
  const { upstream, stream, text } = setUp('off');
  upstream(0).script = ({ handler }) => {
    handler.head(200, {});
    handler.data(events('role', 'all', 'finish', '[DONE]'));
    handler.error('reset', new Error('x'));
  };
  await stream();
  expect(text()).toBe('all');
});

test.each(['off', 'restart', 'continue'] as const)(
  'a stream that broke between its finish reason and its end mark has failed, recovery %s',
  async (mode) => {
    const { upstream, stream } = setUp(mode);
    upstream(0).script = ({ handler }) => {
      handler.head(200, {});
      handler.data(events('role', 'all', 'finish'));
      handler.error('reset', new Error('x'));
    };
    await expect(stream()).rejects.toMatchObject({ reason: 'PROVIDER_STREAM_CUT' });
    expect(upstream(1).sent).toHaveLength(0);
  },
);
