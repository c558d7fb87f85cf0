import { beforeEach, describe, expect, test } from 'vitest';
import type { Principal } from '../kernel/call.ts';
import { Fault } from '../kernel/fault.ts';
import { ManualClock } from '../simulator/testing/manual-clock.ts';
import { createGate } from './authenticate.ts';
import type { FailedAttempts } from './failed-attempts.ts';
import { failedAttempts } from './testing/failed-attempts.ts';
import { openedCall } from './testing/opened-call.ts';

const alice: Principal = { user: 'alice', method: 'api-key', credential: 'laptop' };

let clock: ManualClock;
let counts: { failed: number; slowed: number; refused: number };
let attempts: FailedAttempts;
/** Lets time pass, and all that waits for it. */
async function pass(ms: number): Promise<void> {
  clock.pass(ms);
  await new Promise((resolve) => setImmediate(resolve));
}

beforeEach(() => {
  clock = new ManualClock();
  counts = { failed: 0, slowed: 0, refused: 0 };
  attempts = failedAttempts(clock, {
    credentialFailed: () => void counts.failed++,
    credentialSlowed: () => void counts.slowed++,
    credentialRefused: () => void counts.refused++,
  });
});

function setUp() {
  let judged = 0;
  const gate = createGate({
    anonymous: false,
    host: '0.0.0.0',
    allowedHosts: [],
    corsOrigins: [],
    attempts,
    sources: [
      {
        identify(_call, presented) {
          judged++;
          return presented === 'good' || presented === 'better' ? alice : undefined;
        },
      },
    ],
  });
  const calls: ReturnType<typeof openedCall>[] = [];
  /** Sends a credential; what becomes of it is told once it is known. */
  const send = (key: string, address = '192.0.2.1') => {
    const call = openedCall({ headers: { 'x-api-key': key }, address });
    calls.push(call);
    const sent = { verdict: 'waits' };
    const told = (thrown: unknown) => {
      sent.verdict = Fault.from(thrown).reason;
    };
    try {
      Promise.resolve(gate.authenticate(call)).then(() => {
        sent.verdict = call.principal.user;
      }, told);
    } catch (thrown) {
      told(thrown);
    }
    return sent;
  };
  return { send, calls, judged: () => judged };
}

describe('an address that sends wrong credentials', () => {
  test('is slowed after some, one credential after another', async () => {
    const { send } = setUp();
    for (let i = 0; i < 3; i++) expect(send(`bad${i}`).verdict).toBe('CREDENTIAL_INVALID');
    const [fourth, fifth] = [send('bad3'), send('bad4')];
    await pass(99);
    expect([fourth.verdict, fifth.verdict]).toEqual(['waits', 'waits']);
    await pass(1);
    expect([fourth.verdict, fifth.verdict]).toEqual(['CREDENTIAL_INVALID', 'waits']);
    await pass(100);
    expect(fifth.verdict).toBe('CREDENTIAL_INVALID');
    expect(counts).toEqual({ failed: 5, slowed: 2, refused: 0 });
  });

  test('learns no sooner that a guess was right', async () => {
    const { send } = setUp();
    for (let i = 0; i < 3; i++) send('bad');
    const right = send('good');
    await pass(99);
    expect(right.verdict).toBe('waits');
    await pass(1);
    expect(right.verdict).toBe('alice');
  });

  test('is refused unjudged where too many wait', async () => {
    const { send, judged } = setUp();
    for (let i = 0; i < 3; i++) send('bad');
    for (let i = 0; i < 10; i++) send('bad');
    expect(send('good').verdict).toBe('RATE_LIMITED');
    expect(judged()).toBe(3);
    expect(counts).toEqual({ failed: 3, slowed: 10, refused: 1 });
    await pass(100);
    expect(send('bad').verdict).toBe('waits');
  });

  test('is forgiven with time', async () => {
    const { send } = setUp();
    for (let i = 0; i < 3; i++) send('bad');
    await pass(1_000);
    expect(send('bad').verdict).toBe('CREDENTIAL_INVALID');
    expect(send('bad').verdict).toBe('waits');
    await pass(100);
    await pass(60_000);
    for (let i = 0; i < 3; i++) expect(send('bad').verdict).toBe('CREDENTIAL_INVALID');
  });

  test('is slowed for a minute at most', async () => {
    for (let i = 0; i < 1_000; i++) attempts.failed(openedCall());
    await pass(60_999);
    expect(attempts.turn(openedCall(), 'x')).toBeInstanceOf(Promise);
    await pass(1);
    expect(attempts.turn(openedCall(), 'x')).toBeUndefined();
  });

  test('does no harm to others', () => {
    const { send } = setUp();
    for (let i = 0; i < 20; i++) send('bad', '192.0.2.1');
    expect(send('bad', '192.0.2.2').verdict).toBe('CREDENTIAL_INVALID');
  });

  test('is all of a /64', () => {
    const { send } = setUp();
    for (let i = 0; i < 3; i++) send('bad', `2001:db8::${i}`);
    expect(send('bad', '2001:db8::ffff').verdict).toBe('waits');
    expect(send('bad', '2001:db8:0:1::1').verdict).toBe('CREDENTIAL_INVALID');
  });

  test('has those pass at once whose credentials proved good meanwhile', async () => {
    const { send } = setUp();
    send('bad');
    send('good');
    await pass(0);
    for (let i = 0; i < 10; i++) send('bad');
    const [known, unknown] = [send('good'), send('better')];
    await pass(0);
    expect([known.verdict, unknown.verdict]).toEqual(['alice', 'waits']);
    // What one address proved says nothing of another.
    for (let i = 0; i < 3; i++) send('bad', '192.0.2.2');
    const elsewhere = send('good', '192.0.2.2');
    await pass(0);
    expect(elsewhere.verdict).toBe('waits');
  });

  test('that goes away leaves nothing behind', async () => {
    const { send, calls, judged } = setUp();
    for (let i = 0; i < 3; i++) send('bad');
    const waiting = send('bad');
    calls.at(-1)?.cancellation.cancel(new Fault('CANCELLED', 'gone'));
    await pass(0);
    expect(waiting.verdict).toBe('CANCELLED');
    expect(clock.pending).toBe(0);
    await pass(1_000);
    expect(judged()).toBe(3);
  });

  test('is forgotten where ten thousand others come after it', () => {
    const { send } = setUp();
    for (let i = 0; i < 3; i++) send('bad', '192.0.2.1');
    for (let i = 0; i < 9_999; i++) attempts.failed(openedCall({ address: `10.0.${i >> 8}.${i & 255}` }));
    expect(attempts.turn(openedCall({ address: '192.0.2.1' }), 'x')).toBeInstanceOf(Promise);
    attempts.failed(openedCall({ address: '10.1.0.0' }));
    expect(attempts.turn(openedCall({ address: '192.0.2.1' }), 'x')).toBeUndefined();
  });

  test('costs those nothing who send no credential', () => {
    for (let i = 0; i < 10; i++) attempts.failed(openedCall());
    const open = createGate({
      anonymous: true,
      host: '0.0.0.0',
      allowedHosts: [],
      corsOrigins: [],
      attempts,
      sources: [{ identify: () => undefined }],
    });
    expect(open.authenticate(openedCall())).toBeUndefined();
  });
});
