import { expect, test } from 'vitest';
import { runChaos } from '../support/chaos.ts';
import { suite } from '../support/parts.ts';

const STREAMS = 2_000;
const SECONDS = 60;

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

suite('chaos', ['toxiproxy-server'], () => {
  test('2,000 streams through a minute of bad weather', async () => {
    const { whole, honest, wrong, attempts, recoveries, before, after, left } = await runChaos(STREAMS, SECONDS);
    const failed = Object.values(honest).reduce((all, count) => all + count, 0);
    console.log(
      `${whole} whole, ${failed} honest errors ${JSON.stringify(honest)}, ${wrong.length} wrong; ${attempts} attempts, ` +
        `${recoveries} recoveries; heap ${megabytes(before.heap)} to ${megabytes(after.heap)} MB, ` +
        `handles ${before.handles} to ${after.handles}, descriptors ${before.descriptors} to ${after.descriptors}`,
    );
    expect(wrong).toEqual([]);
    expect(whole + failed).toBe(STREAMS);
    expect(whole).toBeGreaterThan(STREAMS * 0.95);
    expect(left).toBe(0);
    expect(after.heap - before.heap).toBeLessThan(8e6);
    expect(after.handles).toBeLessThanOrEqual(before.handles + 2);
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 2);
  }, 300_000);
});
