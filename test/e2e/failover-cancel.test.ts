import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CancelBench, cancelPhases, openCancelBench } from '../support/cancel-phases.ts';
import { grpcLeaver, jsonLeaver } from '../support/leavers.ts';

// A caller that goes away ends its call within 100 ms in every phase that a balancer adds; the machine may be busy, so the
// promise is kept if one of a few tries keeps it. test/soak has two hundred of each.

const TRIES = 4;

describe.each([
  ['JSON', jsonLeaver],
  ['gRPC', grpcLeaver],
] as const)('%s', (_, leaverOf) => {
  let bench: CancelBench;
  beforeAll(async () => {
    bench = await openCancelBench(leaverOf);
  });
  afterAll(() => bench?.stop());

  test.each(cancelPhases)('%s', async (phase) => {
    const times: number[] = [];
    for (let i = 0; i < TRIES; i++) times.push(await bench.cancelIn(phase));
    expect(Math.min(...times)).toBeLessThan(100);
  });

  test('the gateway tells how long it took', async () => {
    expect((await bench.aborts()).total).toBeGreaterThanOrEqual(TRIES * (cancelPhases.length - 2));
  });
});
