import { expect, test } from 'vitest';
import { systemClock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { HttpRequest, ResponseHandler, Upstream } from '../kernel/upstream.ts';
import { signingUpstream } from './signing.ts';

const request: HttpRequest = { method: 'POST', path: '/a', headers: {}, body: '{}' };

function scene() {
  const told: unknown[] = [];
  const upstream: Upstream = {
    send(sent) {
      told.push(sent.headers);
      const tell = (what: string) => () => told.push(what);
      return { cancel: tell('cancel'), pause: tell('pause'), resume: tell('resume') };
    },
    close: async () => {},
  };
  const handler: ResponseHandler = {
    head() {},
    data() {},
    end() {},
    error: (kind, cause) => told.push(kind, cause),
  };
  const signed = Promise.withResolvers<HttpRequest>();
  const clock = { ...systemClock, wall: () => 7 };
  const seen: unknown[] = [];
  const signing = signingUpstream(
    upstream,
    (...args) => {
      seen.push(args);
      return signed.promise;
    },
    'h:1',
    clock,
  );
  return { told, seen, signed, exchange: signing.send(request, handler) };
}

/** Lets what waits on a settled promise run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('the signed request is sent, and the exchange is its own', async () => {
  const { told, seen, signed, exchange } = scene();
  expect(seen).toEqual([[request, 'h:1', 7]]);
  exchange.pause();
  signed.resolve({ ...request, headers: { signature: 'x' } });
  await settle();
  exchange.resume();
  exchange.cancel();
  expect(told).toEqual([{ signature: 'x' }, 'pause', 'resume', 'cancel']);
});

test('what was cancelled while being signed is never sent', async () => {
  const { told, signed, exchange } = scene();
  exchange.cancel();
  signed.resolve(request);
  await settle();
  expect(told).toEqual([]);
});

test('what cannot be signed fails as its fault says', async () => {
  const fault = new Fault('PROVIDER_CREDENTIAL', 'no credentials');
  const { told, signed } = scene();
  signed.reject(fault);
  await settle();
  expect(told).toEqual(['connect', fault]);
});
