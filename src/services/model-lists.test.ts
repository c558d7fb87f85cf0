import { afterEach, expect, test } from 'vitest';
import type { Fault } from '../kernel/fault.ts';
import { ModelListing } from '../kernel/model-listing.ts';
import type { Provider } from '../kernel/provider.ts';
import type { HttpRequest, ResponseHandler } from '../kernel/upstream.ts';
import { createModelLists, type ModelLists } from './model-lists.ts';

/** A clock that stands still until it is told. */
function stillClock() {
  let now = 0;
  const timers = new Set<{ at: number; action: () => void }>();
  return {
    timers,
    now: () => now,
    wall: () => now,
    after(ms: number, action: () => void) {
      const timer = { at: now + ms, action };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    pass(ms: number) {
      now += ms;
      for (const timer of [...timers]) {
        if (timer.at > now) continue;
        timers.delete(timer);
        timer.action();
      }
    },
  };
}

/** A provider whose upstream hands its requests to the test. */
function provider(name: string, rest: Partial<Provider> = {}) {
  const asked: { request: HttpRequest; handler: ResponseHandler; cancelled: boolean }[] = [];
  const made = {
    name,
    keys: ['key'],
    listing: new ModelListing(),
    adapter: {
      models: {
        request: (apiKey: string) => ({ method: 'GET', path: `/models?${apiKey}`, headers: {}, body: '' }),
        decode: (body: Uint8Array) => (JSON.parse(String(body)) as string[]).map((id) => ({ id })),
      },
      fault: ({ status }: { status: number }) => new Error(`status ${status}`),
    },
    upstream: {
      send(request: HttpRequest, handler: ResponseHandler) {
        const exchange = { request, handler, cancelled: false };
        asked.push(exchange);
        return {
          cancel: () => {
            exchange.cancelled = true;
          },
        };
      },
    },
    ...rest,
  } as unknown as Provider;
  const answer = async (body: string, status = 200) => {
    const handler = asked.at(-1)?.handler;
    handler?.head(status, {});
    handler?.data(Buffer.from(body));
    handler?.end();
    await new Promise(setImmediate);
  };
  return { made, asked, answer, listed: () => [...(made.listing?.models.keys() ?? [])] };
}

const open: ModelLists[] = [];
afterEach(() => {
  for (const lists of open.splice(0)) lists.close();
});

function start(providers: Provider[], eager: string[], clock = stillClock()) {
  const failures: [string, Fault][] = [];
  const lists = createModelLists({
    providers,
    eager: new Set(eager),
    clock,
    intervalMs: 1000,
    timeoutMs: 100,
    onFailure: (name, fault) => failures.push([name, fault]),
  });
  open.push(lists);
  return { lists, clock, failures };
}

test('asks the eager ones at once and the others when woken, each once', async () => {
  const [a, b] = [provider('a'), provider('b')];
  const { lists } = start([a.made, b.made], ['a']);
  expect([a.asked.length, b.asked.length]).toEqual([1, 0]);
  expect(a.asked[0]?.request.path).toBe('/models?key');
  lists.wake();
  lists.wake();
  expect([a.asked.length, b.asked.length]).toEqual([1, 1]);
  await a.answer('["one","two"]');
  expect(a.listed()).toEqual(['one', 'two']);
});

test('asks again after the interval, and replaces what was listed', async () => {
  const a = provider('a');
  const { clock } = start([a.made], ['a']);
  await a.answer('["one"]');
  clock.pass(999);
  expect(a.asked.length).toBe(1);
  clock.pass(1);
  expect(a.listed()).toEqual(['one']);
  await a.answer('["two"]');
  expect(a.listed()).toEqual(['two']);
});

test.each([
  ['an error', (a: ReturnType<typeof provider>) => a.answer('no', 500)],
  ['nonsense', (a: ReturnType<typeof provider>) => a.answer('{')],
  ['a lost connection', async (a: ReturnType<typeof provider>) => a.asked.at(-1)?.handler.error('reset', undefined)],
])('%s leaves the old list standing, is told of, and is asked past', async (_, fail) => {
  const a = provider('a');
  const { clock, failures } = start([a.made], ['a']);
  await a.answer('["one"]');
  clock.pass(1000);
  await fail(a);
  await new Promise(setImmediate);
  expect(a.listed()).toEqual(['one']);
  expect(failures.map(([name]) => name)).toEqual(['a']);
  clock.pass(1000);
  expect(a.asked.length).toBe(3);
});

test('an answer that does not come in time is given up', async () => {
  const a = provider('a');
  const { clock, failures } = start([a.made], ['a']);
  clock.pass(100);
  await new Promise(setImmediate);
  expect(a.asked[0]?.cancelled).toBe(true);
  expect(failures.map(([, { reason }]) => reason)).toEqual(['PROVIDER_TIMEOUT']);
});

test('asks none that is disabled or not to be asked, and nobody once closed', async () => {
  const [off, mute] = [provider('off', { disabled: 'no key' }), provider('mute')];
  const a = provider('a');
  const { lists, clock } = start(
    [off.made, { ...mute.made, listing: undefined } as unknown as Provider, a.made],
    ['a'],
  );
  lists.wake();
  expect([off.asked.length, mute.asked.length]).toEqual([0, 0]);
  lists.close();
  await new Promise(setImmediate);
  expect(a.asked[0]?.cancelled).toBe(true);
  expect(clock.timers.size).toBe(0);
});
