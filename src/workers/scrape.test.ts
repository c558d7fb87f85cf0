import { Counter, Gauge, Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Scrape, type Scraped } from './scrape.ts';

/** A worker with so many calls on its count; one that is busy does not answer. */
class FakeWorker implements Scraped {
  readonly #registry = new Registry();
  readonly calls = new Counter({ name: 'calls_total', help: '.', registers: [this.#registry] });
  readonly #open = new Gauge({ name: 'open', help: '.', registers: [this.#registry] });
  busy = false;

  constructor(calls: number) {
    this.calls.inc(calls);
    this.#open.set(1);
  }

  askForSnapshot(id: number): void {
    if (!this.busy) void this.#registry.getMetricsAsJSON().then((metrics) => scrape.answered(this, id, metrics));
  }
}

let workers: FakeWorker[] = [];
let scrape: Scrape;
beforeEach(() => {
  vi.useFakeTimers();
  workers = [new FakeWorker(5), new FakeWorker(7)];
  scrape = new Scrape(() => workers);
});
afterEach(() => void vi.useRealTimers());

/** The values of a scrape, whoever is too busy for it. */
async function scraped(): Promise<Record<string, number>> {
  const text = scrape.text();
  await vi.advanceTimersByTimeAsync(1_000);
  return Object.fromEntries(
    [...(await text).matchAll(/^(\w+) (\d+)$/gm)].map(([, name, value]) => [name, Number(value)]),
  );
}

test('totals of workers that ended stay in the sum, their states do not', async () => {
  expect(await scraped()).toMatchObject({ calls_total: 12, open: 2, llmbridge_workers: 2 });
  for (const [at, calls] of [2, 1].entries()) {
    const [ended] = workers.splice(at, 1, new FakeWorker(calls));
    if (ended !== undefined) scrape.replaced(ended);
  }
  expect(await scraped()).toMatchObject({ calls_total: 15, open: 2, llmbridge_worker_restarts_total: 2 });
});

test('one that ends while it is asked is counted once', async () => {
  await scraped();
  const [ended] = workers;
  if (ended === undefined) throw new Error('no worker');
  ended.busy = true;
  const text = scrape.text();
  workers = workers.slice(1);
  scrape.replaced(ended);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await text).toContain('calls_total 12\n');
});

test('of one that is too busy is told what it said before', async () => {
  await scraped();
  const [slow, quick] = workers;
  if (slow !== undefined) slow.busy = true;
  quick?.calls.inc(3);
  expect(await scraped()).toMatchObject({ calls_total: 15, open: 2 });
});

test('one that never answered is not waited for', async () => {
  const [slow] = workers;
  if (slow !== undefined) slow.busy = true;
  expect(await scraped()).toMatchObject({ calls_total: 7, open: 1 });
});
