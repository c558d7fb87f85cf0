import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CancelBench, cancelPhases, openCancelBench } from '../support/cancel-phases.ts';
import { grpcLeaver, jsonLeaver } from '../support/leavers.ts';

const CANCELS = 200;

describe.each([
  ['JSON', jsonLeaver],
  ['gRPC', grpcLeaver],
] as const)('%s', (name, leaverOf) => {
  let bench: CancelBench;
  beforeAll(async () => {
    bench = await openCancelBench(leaverOf);
  });
  afterAll(() => bench?.stop());

  test.each(cancelPhases)('%s: 200 cancels, the 99th percentile within 100 ms', async (phase) => {
    const times: number[] = [];
    for (let i = 0; i < CANCELS; i++) times.push(await bench.cancelIn(phase));
    times.sort((a, b) => a - b);
    const p99 = times[Math.ceil(CANCELS * 0.99) - 1] ?? Number.POSITIVE_INFINITY;
    const p50 = times[CANCELS / 2]?.toFixed(1);
    console.log(`${name}, ${phase}: p50 ${p50} ms, p99 ${p99.toFixed(1)} ms, max ${times.at(-1)?.toFixed(1)} ms`);
    expect(p99).toBeLessThan(100);
  });

  test('the gateway says so itself', async () => {
    const counted = await bench.aborts();
    expect(counted.total).toBeGreaterThan(CANCELS);
    expect(counted.within100ms).toBeGreaterThanOrEqual(counted.total * 0.99);
  });
});
