import { afterEach, describe, expect, test } from 'vitest';
import {
  type RedisTopology,
  startCluster,
  startSentinels,
  startStandalone,
} from '../../src/stores/testing/redis-topologies.ts';
import { chaosTable, runLimitsChaos } from '../support/limits-chaos.ts';
import { chaosHolds } from '../support/limits-chaos-promises.ts';
import { suite } from '../support/parts.ts';
import { masterFaults, serverFaults, wayFaults } from '../support/redis-faults.ts';
import { runReplayChaos } from '../support/replay-chaos.ts';
import { startToxiproxy, type Toxiproxy } from '../support/toxiproxy.ts';

// The store in trouble, at length: every fault twice, on two gateways of each mode.

const lastsMs = 5_000;
const instances = 2;

suite('the store in trouble, at length', ['redis-server', 'toxiproxy-server'], () => {
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
    const once = [...serverFaults(server), ...wayFaults(proxy)];
    const faults = [...once, ...once];
    const redis = `{ url: "redis://127.0.0.1:${proxy.port}" }`;
    const report = await runLimitsChaos({ redis, faults, instances, lastsMs });
    console.log(chaosTable(report));
    expect(chaosHolds(report, faults, instances)).toBe(true);
  });

  describe.each([
    ['Sentinel', startSentinels],
    ['a cluster', startCluster],
  ])('%s', (_name, start) => {
    test('the master hands over, dies and falls silent', async () => {
      topology = await start();
      const once = masterFaults(topology, ['SIGKILL', 'SIGSTOP']);
      const faults = [...once, ...once];
      const report = await runLimitsChaos({ redis: topology.yaml, faults, instances, lastsMs });
      console.log(chaosTable(report));
      expect(chaosHolds(report, faults, instances)).toBe(true);
    });
  });

  describe.each([
    ['one server', startStandalone],
    ['Sentinel', startSentinels],
    ['a cluster', startCluster],
  ])('%s', (name, start) => {
    test('no sealed call is served twice', async () => {
      topology = await start();
      const once =
        start === startStandalone
          ? serverFaults(await topology.master())
          : masterFaults(topology, ['SIGKILL', 'SIGSTOP']);
      const report = await runReplayChaos(topology.yaml, [...once, ...once], lastsMs);
      console.log(name, JSON.stringify(report));
      expect(report.servedTwice).toBe(0);
      expect(report.first['ok']).toBeGreaterThan(100);
      expect(report.again['seal_replayed']).toBeGreaterThan(100);
    });
  });
});
