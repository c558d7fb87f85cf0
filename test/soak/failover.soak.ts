import { describe, expect, test } from 'vitest';
import { failoverCallers } from '../support/failover-callers.ts';
import { failoverScenarios, runScenarios } from '../support/failover-scenarios.ts';

// test/e2e/failover.test.ts with the timings of life: about five minutes.

const runs = failoverCallers.map((caller) => ({ caller, verdicts: runScenarios('full', caller) }));

for (const { caller, verdicts } of runs) {
  describe(caller.name, () => {
    test.each(failoverScenarios.map(({ id }) => id))(
      '%s',
      async (id) => {
        expect((await verdicts).get(id)).toEqual([]);
      },
      600_000,
    );
  });
}
