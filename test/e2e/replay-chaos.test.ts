import { describe, expect, test } from 'vitest';
import { startCluster, startStandalone } from '../../src/stores/testing/redis-topologies.ts';
import { suite } from '../support/parts.ts';
import { masterFaults, serverFaults } from '../support/redis-faults.ts';
import { runReplayChaos } from '../support/replay-chaos.ts';

// No sealed call is served twice, whatever happens to the store that remembers them. At length in test/soak/limits.soak.ts.

suite('replays while the store is in trouble', ['redis-server'], () => {
  // Most of the time is spent on waiting for an epoch, or another master.
  describe.concurrent.each([
    ['one server', startStandalone],
    ['a cluster', startCluster],
  ])('%s', (name, start) => {
    test('no sealed call is served twice', async ({ onTestFinished }) => {
      const topology = await start();
      onTestFinished(topology.stop);
      const faults =
        start === startStandalone ? serverFaults(await topology.master()) : masterFaults(topology, ['SIGKILL']);
      const report = await runReplayChaos(topology.yaml, faults, 600);
      console.log(name, JSON.stringify(report));
      expect(report.servedTwice).toBe(0);
      expect(report.first['ok']).toBeGreaterThan(20);
      expect(report.first['admission_unavailable']).toBeGreaterThan(0);
      expect(report.again['seal_replayed']).toBeGreaterThan(20);
    }, 90_000);
  });
});
