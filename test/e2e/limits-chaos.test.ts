import { afterEach, describe, expect, test } from 'vitest';
import {
  type RedisTopology,
  startCluster,
  startSentinels,
  startStandalone,
} from '../../src/stores/testing/redis-topologies.ts';
import { type ChaosReport, chaosTable, type Fault, quota, runLimitsChaos } from '../support/limits-chaos.ts';
import { suite } from '../support/parts.ts';
import { masterFaults, serverFaults, wayFaults } from '../support/redis-faults.ts';
import { startToxiproxy, type Toxiproxy } from '../support/toxiproxy.ts';

// The store in trouble, in short; test/soak/limits.soak.ts has it at length.

/** What each mode promises, whatever is done to the store. */
function holds({ spells, limited, logged, amiss }: ChaosReport, faults: readonly Fault[]): void {
  for (const spell of spells) {
    const isOut = faults.find(({ name }) => name === spell.fault)?.out === true;
    expect(spell.wrong, spell.fault).toEqual([]);
    if (spell.mode !== 'closed') expect(spell.unchecked, spell.fault).toBe(0);
    else if (isOut) expect(spell.unchecked, spell.fault).toBeGreaterThan(0);
    // The store is waited for 50 ms; the rest is for busy machines.
    expect(spell.maxMs, spell.fault).toBeLessThan(1_000);
    if (isOut) expect(spell.noticedMs, spell.fault).toBeDefined();
  }
  const lives = 1 + faults.filter(({ forgets }) => forgets).length;
  expect(limited.closed).toBeLessThanOrEqual(quota * lives);
  // Each outage may be judged by an instance's own part of the limit.
  expect(limited.local).toBeLessThanOrEqual(quota * lives + quota * faults.filter(({ out }) => out).length);
  for (const { out, back } of Object.values(logged)) {
    expect(out).toBeGreaterThan(0);
    expect(back).toBe(out);
  }
  expect(amiss).toEqual(['redis']);
}

suite('the store in trouble', ['redis-server', 'toxiproxy-server'], () => {
  let topology: RedisTopology;
  let toxiproxy: Toxiproxy | undefined;
  afterEach(async () => {
    await topology.stop();
    await toxiproxy?.stop();
    toxiproxy = undefined;
  });

  test('one server: killed, stopped, flushed, full, cut off, late', async () => {
    topology = await startStandalone();
    toxiproxy = await startToxiproxy();
    const server = await topology.master();
    const address = `127.0.0.1:${server.port}`;
    const proxy = await toxiproxy.proxy('redis', address, address);
    const faults = [...serverFaults(server), ...wayFaults(proxy)];
    const redis = `{ url: "redis://127.0.0.1:${proxy.port}" }`;
    const report = await runLimitsChaos({ redis, faults, instances: 1, lastsMs: 1_000 });
    console.log(chaosTable(report));
    holds(report, faults);
  }, 90_000);

  describe.each([
    ['Sentinel', startSentinels],
    ['a cluster', startCluster],
  ])('%s', (_name, start) => {
    test('the master hands over, and dies', async () => {
      topology = await start();
      const faults = masterFaults(topology, ['SIGKILL']);
      const report = await runLimitsChaos({ redis: topology.yaml, faults, instances: 1, lastsMs: 1_000 });
      console.log(chaosTable(report));
      holds(report, faults);
    }, 90_000);
  });
});
