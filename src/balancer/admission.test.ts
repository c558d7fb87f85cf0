import { describe, expect, test } from 'vitest';
import { Cancellation } from '../kernel/cancel.ts';
import { Fault } from '../kernel/fault.ts';
import { Admission } from './admission.ts';
import { StillClock } from './testing/fixtures.ts';

function setUp(maxConcurrent: number, maxQueue: number) {
  const clock = new StillClock();
  const admission = new Admission(clock, { maxConcurrent, maxQueue, maxQueueMs: 5_000 });
  const entered: string[] = [];
  const refused: string[] = [];
  const enter = (user: string, deadline?: number, cancellation = new Cancellation()) => {
    const place = admission.enter(user, deadline, cancellation);
    if (place === undefined) entered.push(user);
    else
      place.then(
        () => entered.push(user),
        (fault: Fault) => refused.push(`${user} ${fault.reason}`),
      );
    return cancellation;
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, admission, entered, refused, enter, settle };
}

describe('admission', () => {
  test('lets in so many, and the next as one leaves', async () => {
    const { admission, entered, enter, settle } = setUp(2, 10);
    for (const user of ['a', 'b', 'c']) enter(user);
    await settle();
    expect(entered).toEqual(['a', 'b']);
    expect(admission.hasRoom).toBe(false);
    admission.leave(10);
    await settle();
    expect(entered).toEqual(['a', 'b', 'c']);
    admission.leave(10);
    admission.leave(10);
    expect(admission.inside).toBe(0);
  });

  test('users take turns, however many calls one of them has in line', async () => {
    const { admission, entered, enter, settle } = setUp(1, 10);
    for (const user of ['x', 'a', 'a', 'a', 'b', 'c']) enter(user);
    for (let i = 0; i < 6; i++) {
      admission.leave(1);
      await settle();
    }
    expect(entered).toEqual(['x', 'a', 'b', 'c', 'a', 'a']);
  });

  test('a full queue refuses; but a user with none in line comes in for the last of whoever has most', async () => {
    const { admission, entered, refused, enter, settle } = setUp(1, 3);
    for (const user of ['x', 'a', 'a', 'a', 'a']) enter(user);
    await settle();
    expect(refused).toEqual(['a QUEUE_FULL']);
    enter('b');
    await settle();
    expect(refused).toEqual(['a QUEUE_FULL', 'a QUEUE_FULL']);
    for (let i = 0; i < 3; i++) admission.leave(1);
    await settle();
    expect(entered).toEqual(['x', 'a', 'b', 'a']);
  });

  test('who could not be served before the deadline is refused at once, with a time to come back', async () => {
    const { admission, refused, enter, settle } = setUp(1, 10);
    enter('a');
    admission.leave(1_000);
    enter('a');
    enter('b', 500);
    await settle();
    expect(refused).toEqual(['b QUEUE_FULL']);
    const fault = await admission.enter('b', 500, new Cancellation())?.catch((thrown: unknown) => thrown);
    expect(fault).toMatchObject({ reason: 'QUEUE_FULL', detail: { retryAfterMs: 1_000 } });
    enter('c', 5_000);
    await settle();
    expect(admission.waiting).toBe(1);
  });

  test('a cancelled call leaves the line at once', async () => {
    const { admission, refused, enter, settle } = setUp(1, 10);
    enter('a');
    enter('b').cancel(new Fault('CANCELLED', 'gone'));
    await settle();
    expect(refused).toEqual(['b CANCELLED']);
    expect(admission.waiting).toBe(0);
    admission.leave(1);
    expect(admission.inside).toBe(0);
  });
});
