import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import type { Call } from '../kernel/call.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { type CallOpening, createCalls } from './calls.ts';

function setup(trusted: string[] = []) {
  const timers = new Set<{ at: number; action: () => void }>();
  let time = 0;
  const clock: Clock = {
    now: () => time,
    wall: () => time,
    after(ms, action) {
      const timer = { at: time + ms, action };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  };
  const advance = (ms: number): void => {
    time += ms;
    for (const timer of [...timers]) {
      if (timer.at > time) continue;
      timers.delete(timer);
      timer.action();
    }
  };
  const begun: Call[] = [];
  const ended: [Call, Fault | undefined][] = [];
  const observer = {
    begin: (call: Call) => void begun.push(call),
    end: (call: Call, fault: Fault | undefined) => void ended.push([call, fault]),
  };
  const trustedProxies = trusted.map((cidr) => ipaddr.parseCIDR(cidr));
  return { calls: createCalls({ observer, clock, trustedProxies }), advance, timers, begun, ended };
}

const opening = (headers: CallOpening['headers'] = {}, remoteAddress = '192.0.2.1'): CallOpening => ({
  method: '/a.B/C',
  protocol: 'http',
  headers,
  remoteAddress,
});

describe('request ids', () => {
  it('are taken over where they are safe', () => {
    const { calls } = setup();
    const call = calls.open(opening({ 'x-request-id': 'abc-123' }));
    expect(call.id).toBe('abc-123');
    expect(call.replyHeaders['x-request-id']).toBe('abc-123');
  });

  it.each(['', 'a b', 'x'.repeat(129), 'é', 'a\tb'])('are made where the caller sends %j', (id) => {
    const { calls } = setup();
    expect(calls.open(opening({ 'x-request-id': id })).id).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('traces', () => {
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  const spanId = '00f067aa0ba902b7';

  it('are continued with a span of our own', () => {
    const { calls } = setup();
    const { trace, replyHeaders } = calls.open(
      opening({ traceparent: `00-${traceId}-${spanId}-00`, tracestate: 'vendor=1' }),
    );
    expect(trace).toMatchObject({ traceId, parentId: spanId, flags: '00', state: 'vendor=1' });
    expect(trace.spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(trace.spanId).not.toBe(spanId);
    expect(replyHeaders['traceparent']).toBe(`00-${traceId}-${trace.spanId}-00`);
  });

  it('of a later version are read as far as they are known', () => {
    const { calls } = setup();
    expect(calls.open(opening({ traceparent: `01-${traceId}-${spanId}-01-more` })).trace.traceId).toBe(traceId);
  });

  it.each([
    undefined,
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
  ])('are begun for %s', (traceparent) => {
    const { calls } = setup();
    const { trace } = calls.open(opening({ traceparent, tracestate: 'vendor=1' }));
    expect(trace).toMatchObject({ parentId: '', flags: '01', state: '' });
    expect(trace.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(trace.traceId).not.toBe(traceId);
  });
});

describe('addresses', () => {
  it.each([
    ['the socket, without proxies', [], '192.0.2.1', '198.51.100.7', '192.0.2.1'],
    ['the socket, if it is no trusted proxy', ['10.0.0.0/8'], '192.0.2.1', '198.51.100.7', '192.0.2.1'],
    ['what the proxy saw', ['10.0.0.0/8'], '10.0.0.1', '198.51.100.7', '198.51.100.7'],
    [
      'the rightmost that is not trusted',
      ['10.0.0.0/8'],
      '10.0.0.1',
      '1.1.1.1, 198.51.100.7, 10.0.0.2',
      '198.51.100.7',
    ],
    ['nothing left of garbage', ['10.0.0.0/8'], '10.0.0.1', '1.1.1.1, unknown, 10.0.0.2', '10.0.0.2'],
    ['without a port', ['10.0.0.0/8'], '10.0.0.1', '198.51.100.7:4711', '198.51.100.7'],
    ['IPv6 in brackets', ['::1/128'], '::1', '[2001:db8::1]:443', '2001:db8::1'],
    ['IPv4 in IPv6', ['10.0.0.0/8'], '::ffff:10.0.0.1', '::ffff:198.51.100.7', '198.51.100.7'],
  ])('%s', (_name, trusted, socket, forwarded, expected) => {
    const { calls } = setup(trusted);
    expect(calls.open(opening({ 'x-forwarded-for': forwarded }, socket)).address).toBe(expected);
  });
});

describe('the life of a call', () => {
  it('ends once, with its first end', () => {
    const { calls, begun, ended } = setup();
    const call = calls.open(opening());
    const fault = new Fault('INTERNAL', 'x');
    calls.end(call, fault);
    calls.end(call);
    expect(begun).toEqual([call]);
    expect(ended).toEqual([[call, fault]]);
  });

  it('is cancelled by its deadline, the earliest one', () => {
    const { calls, advance } = setup();
    const call = calls.open(opening());
    calls.armDeadline(call, 100);
    calls.armDeadline(call, 500);
    expect(call.deadline).toBe(100);
    calls.armDeadline(call, 50);
    advance(49);
    expect(call.cancellation.fault).toBeUndefined();
    advance(1);
    expect(call.cancellation.fault?.reason).toBe('DEADLINE_EXCEEDED');
  });

  it('whose deadline is now is cancelled now', () => {
    const { calls, timers } = setup();
    const call = calls.open(opening());
    calls.armDeadline(call, 100);
    calls.armDeadline(call, 0);
    expect(call.cancellation.fault?.reason).toBe('DEADLINE_EXCEEDED');
    expect(timers.size).toBe(0);
  });

  it('leaves no timer behind', () => {
    const { calls, timers } = setup();
    const call = calls.open(opening());
    calls.armDeadline(call, 100);
    calls.end(call);
    calls.armDeadline(call, 50);
    expect(timers.size).toBe(0);
  });

  it('is waited for', async () => {
    const { calls } = setup();
    await calls.idle();
    const [first, second] = [calls.open(opening()), calls.open(opening())];
    expect(calls.inFlight).toBe(2);
    let idle = false;
    const waiting = calls.idle().then(() => {
      idle = true;
    });
    calls.end(first);
    await Promise.resolve();
    expect(idle).toBe(false);
    calls.end(second);
    await waiting;
    expect(calls.inFlight).toBe(0);
  });

  it('is cancelled with all others, or by choice', () => {
    const { calls } = setup();
    const [first, second] = [calls.open(opening()), calls.open(opening())];
    calls.cancelAll(new Fault('SHUTTING_DOWN', 'x'), (call) => call === first);
    expect(second.cancellation.fault).toBeUndefined();
    calls.cancelAll(new Fault('SHUTTING_DOWN', 'x'));
    expect(second.cancellation.fault?.reason).toBe('SHUTTING_DOWN');
  });
});
