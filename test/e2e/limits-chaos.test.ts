import { describe, expect, test } from 'vitest';
import { startCluster, startSentinels, startStandalone } from '../../src/stores/testing/redis-topologies.ts';
import { startLimitedGateways } from '../support/limited-gateways.ts';
import { overJson, usersYaml } from '../support/limits-bench.ts';
import { chaosTable, runLimitsChaos } from '../support/limits-chaos.ts';
import { chaosHolds } from '../support/limits-chaos-promises.ts';
import { suite } from '../support/parts.ts';
import { masterFaults, serverFaults, wayFaults } from '../support/redis-faults.ts';
import { startToxiproxy } from '../support/toxiproxy.ts';

// The store in trouble, in short; test/soak/limits.soak.ts has it at length.

suite('the store in trouble', ['redis-server', 'toxiproxy-server'], () => {
  test('one server: killed, stopped, flushed, full, cut off, late', async ({ onTestFinished }) => {
    const topology = await startStandalone();
    onTestFinished(topology.stop);
    const toxiproxy = await startToxiproxy();
    onTestFinished(async () => void (await toxiproxy.stop()));
    const server = await topology.master();
    const address = `127.0.0.1:${server.port}`;
    const proxy = await toxiproxy.proxy('redis', address, address);
    const faults = [...serverFaults(server), ...wayFaults(proxy)];
    const redis = `{ url: "redis://127.0.0.1:${proxy.port}" }`;
    const report = await runLimitsChaos({ redis, faults, instances: 1, lastsMs: 600 });
    console.log(chaosTable(report));
    expect(chaosHolds(report, faults, 1)).toBe(true);
  }, 90_000);

  test('what keeps the gateway from the store is told', async ({ onTestFinished }) => {
    const topology = await startStandalone('--requirepass', 'a-password');
    onTestFinished(topology.stop);
    const { port } = await topology.master();
    const limits = 'rate_limit: { user: { requests: 9/h }, on_outage: { user: closed } }';
    const redis = `redis: { url: "redis://127.0.0.1:${port}", password: another-password }`;
    const gateways = await startLimitedGateways(`${limits}\n${redis}\n${usersYaml('alice')}`, 1);
    const gateway = gateways.at(0);
    await expect.poll(() => gateway.output()).toMatch(/"event":"limit_store_unreachable","why":"WRONGPASS"/);
    expect(await overJson(gateway, { user: 'alice' })).toMatchObject({ status: 503, reason: 'admission_unavailable' });
    expect(gateway.output()).not.toContain('another-password');
    await gateways.stop();
  });

  // Most of the time is spent on waiting for another master.
  describe.concurrent.each([
    ['Sentinel', startSentinels],
    ['a cluster', startCluster],
  ])('%s', (_name, start) => {
    test('the master hands over, and dies', async ({ onTestFinished }) => {
      const topology = await start();
      onTestFinished(topology.stop);
      const faults = masterFaults(topology, ['SIGKILL']);
      const report = await runLimitsChaos({
        redis: topology.yaml,
        faults,
        instances: 1,
        lastsMs: 600,
        modes: ['closed', 'local'],
      });
      console.log(chaosTable(report));
      expect(chaosHolds(report, faults, 1)).toBe(true);
    }, 90_000);
  });
});
