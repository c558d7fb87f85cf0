import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { type GatewayProcess, onFreePort, spawnGateway } from '../support/gateway.ts';
import { serve } from '../support/process.ts';
import { configFolder } from '../support/reloadable.ts';

// Several worker processes behind one port: to a caller, a scraper and an operator they are one gateway.

let gateway: GatewayProcess | undefined;
afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
});

const simulated = 'providers: { sim: { type: simulator } }';
const twoWorkers = { LLMBRIDGE_SERVER__WORKERS: '2' };
const serving = async () => {
  gateway = await spawnGateway(simulated, twoWorkers);
  return gateway;
};

/** One call on a connection of its own, which the next worker in turn gets. */
function ask(
  url: string,
  content: Readonly<Record<string, unknown>> = {},
  extra: Readonly<Record<string, string>> = {},
): Promise<{ status: number; text: string }> {
  const body = JSON.stringify({ model: 'sim/sim', messages: [{ role: 'user', content: 'Hello' }], ...content });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...extra };
  return new Promise((resolve, reject) => {
    const request = http.request(`${url}/v1/chat/completions`, { method: 'POST', agent: false, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text })).on('error', reject);
    });
    request.on('error', reject).end(body);
  });
}

const lines = (output: string) =>
  output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const metric = async (url: string, name: string) => {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(text)?.[1]);
};

test('calls are dealt to all workers, and any scrape tells of them all', async () => {
  const { url, output } = await serving();
  for (let i = 0; i < 6; i++) expect((await ask(url)).status).toBe(200);
  expect(await metric(url, 'llmbridge_requests_total')).toBe(6);
  expect(await metric(url, 'llmbridge_workers')).toBe(2);
  expect(await metric(url, 'llmbridge_build_info')).toBe(1);
  const servedBy = () => lines(output()).flatMap((line) => (line['method'] === undefined ? [] : [line['worker']]));
  await expect.poll(() => servedBy().length).toBeGreaterThanOrEqual(6);
  expect(new Set(servedBy())).toEqual(new Set([0, 1]));
});

test('a worker that is killed is replaced, and the port serves all the while', async () => {
  const { url, output, child } = await serving();
  const workers = () => childrenOf(child.pid ?? 0);
  const [victim = 0] = await workers();
  process.kill(victim, 'SIGKILL');
  await expect.poll(output).toContain('"event":"worker_lost"');
  for (let i = 0; i < 4; i++) expect((await ask(url)).status).toBe(200);
  await expect.poll(output, { timeout: 10_000 }).toContain('"event":"worker_replaced"');
  expect(await workers()).toHaveLength(2);
  expect(await metric(url, 'llmbridge_worker_restarts_total')).toBe(1);
});

test('a worker that meets a broken configuration is tried again until it is repaired', async () => {
  const folder = configFolder();
  folder.write('config.yaml', simulated);
  const args = ['src/main.ts', 'serve', '--config', folder.config];
  const env = { ...onFreePort, ...twoWorkers };
  const served = await serve(process.execPath, args, /"event":"started".*"port":(\d+)/, { env });
  gateway = { ...served, port: Number(served.match[1]), url: `http://127.0.0.1:${served.match[1]}` };
  const { url, output, child } = gateway;
  folder.write('config.yaml', 'nonsense: true');
  const [victim = 0] = await childrenOf(child.pid ?? 0);
  process.kill(victim, 'SIGKILL');
  await expect.poll(output, { timeout: 10_000 }).toContain('"cause":"exit code 78"');
  expect((await ask(url)).status).toBe(200);
  folder.write('config.yaml', simulated);
  await expect.poll(output, { timeout: 10_000 }).toContain('"event":"worker_replaced"');
  folder.remove();
});

test('SIGHUP ends no worker that is starting', async () => {
  const { url, output, child } = await serving();
  const workers = () => childrenOf(child.pid ?? 0);
  const [victim = 0] = await workers();
  process.kill(victim, 'SIGKILL');
  await expect.poll(async () => (await workers()).filter((pid) => pid !== victim).length, { interval: 2 }).toBe(2);
  child.kill('SIGHUP');
  await expect.poll(output, { timeout: 10_000 }).toContain('"event":"worker_replaced"');
  expect(await metric(url, 'llmbridge_worker_restarts_total')).toBe(1);
  await expect.poll(() => output().match(/"event":"config_reloaded"/g)?.length ?? 0).toBe(2);
});

test('SIGTERM lets the streams of every worker finish, and the exit code is 0', async () => {
  const { url, output, child, exited } = await serving();
  const streams = Array.from({ length: 8 }, () => ask(url, { model: 'sim/sim:tokens=40,tps=40', stream: true }));
  await expect.poll(() => metric(url, 'llmbridge_requests_in_flight')).toBe(8);
  child.kill('SIGTERM');
  for (const { status, text } of await Promise.all(streams)) {
    expect(status).toBe(200);
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
  }
  expect(await exited).toBe(0);
  expect(lines(output()).filter(({ event }) => event === 'drained')).toHaveLength(2);
});

const limited = (limits: string) => `${simulated}
security:
  api_keys: [{ name: a, user: alice, sha256: ${createHash('sha256').update('alices').digest('hex')} }]
rate_limit: { user: ${limits} }`;
const asAlice = { authorization: 'Bearer alices' };

test('a limit is one for all workers: never a call more', async () => {
  gateway = await spawnGateway(limited('{ requests: 37/m }'), twoWorkers);
  const { url } = gateway;
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask(url, {}, asAlice)));
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(37);
  expect(statuses.filter((status) => status === 429)).toHaveLength(63);
});

test('the places of a worker that was killed are free again', async () => {
  gateway = await spawnGateway(limited('{ concurrent: 4 }'), twoWorkers);
  const { url, child, output } = gateway;
  const endless = { model: 'sim/sim:tokens=1000,tps=20', stream: true };
  const streams = Array.from({ length: 4 }, () => ask(url, endless, asAlice).catch(() => 'cut'));
  await expect.poll(() => metric(url, 'llmbridge_requests_in_flight')).toBe(4);
  expect((await ask(url, {}, asAlice)).status).toBe(429);
  for (const worker of await childrenOf(child.pid ?? 0)) process.kill(worker, 'SIGKILL');
  expect(await Promise.all(streams)).toEqual(['cut', 'cut', 'cut', 'cut']);
  await expect.poll(() => output().match(/"worker_replaced"/g)?.length, { timeout: 10_000 }).toBe(2);
  expect((await ask(url, {}, asAlice)).status).toBe(200);
});

test('a port that is taken is said once, and ends the gateway', async () => {
  const { port } = await serving();
  const refused = spawnGateway(simulated, { ...twoWorkers, LLMBRIDGE_SERVER__PORT: String(port) });
  await expect(refused).rejects.toThrow(/exited 1 .*\n[^\n]*is in use by another process[^\n]*\n*$/);
});

/** Process ids of a process's children. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.trim().split(' ').filter(Boolean).map(Number);
}
