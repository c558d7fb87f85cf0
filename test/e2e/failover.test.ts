import { describe, expect, test } from 'vitest';
import { failoverCallers } from '../support/failover-callers.ts';
import { crowdedModels, failoverScenarios, runCrowd, runScenarios } from '../support/failover-scenarios.ts';

// Sixteen ways in which providers fail, on scaled timings, under configs/examples/failover.yaml. Every kind of caller has a
// gateway and a simulator of its own, so that all may run at once.

const runs = failoverCallers.map((caller) => ({ caller, verdicts: runScenarios('fast', caller) }));

for (const { caller, verdicts } of runs) {
  describe(caller.name, () => {
    test.each(failoverScenarios.map(({ id }) => id))(
      '%s',
      async (id) => {
        expect((await verdicts).get(id)).toEqual([]);
      },
      120_000,
    );
  });
}

for (const caller of failoverCallers) {
  describe(`24 callers at once, ${caller.name}`, () => {
    let verdicts: ReturnType<typeof runCrowd> | undefined;
    test.each(crowdedModels)(
      '%s',
      async (model) => {
        verdicts ??= runCrowd(caller, 24);
        expect((await verdicts).get(model)).toEqual([]);
      },
      120_000,
    );
  });
}
