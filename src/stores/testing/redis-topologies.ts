import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort, type RedisServer, startRedis, startRedisOn } from './redis-server.ts';

/** Several servers that are one store. */
export interface RedisTopology {
  /** The configuration's group `redis` that leads there, as YAML. */
  readonly yaml: string;
  readonly servers: readonly RedisServer[];
  /** The master of the keys of `sample`, as the servers that answer have it. */
  master(): Promise<RedisServer>;
  /** Makes a replica the master without a failure, and returns once it is. */
  handOver(): Promise<RedisServer>;
  stop(): Promise<void>;
}

/** A key in the slot that the topologies' `master` is asked for. */
const sample = 'llmbridge:{limits}';
/** How soon a server that says nothing counts as gone, in milliseconds; more than a busy machine holds one up. */
const silenceMs = 1_000;

/** Asks a server one command; undefined where it does not answer. */
export async function ask(port: number, command: string, ...args: (string | number)[]): Promise<unknown> {
  const redis = new Redis({ port, lazyConnect: true, retryStrategy: null, commandTimeout: 500, connectTimeout: 500 });
  redis.on('error', () => {});
  try {
    return await redis.call(command, ...args);
  } catch {
    return undefined;
  } finally {
    redis.disconnect();
  }
}

async function until<T>(find: () => Promise<T | undefined>, what: string): Promise<T> {
  const end = performance.now() + 20_000;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`${what}: not within 20 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Whether replicas have what their masters have, and not only a link to them. */
async function allFollow(replicas: readonly number[]): Promise<true | undefined> {
  const roles = (await Promise.all(replicas.map((port) => ask(port, 'ROLE')))) as (unknown[] | undefined)[];
  return roles.every((role) => role?.[3] === 'connected' && Number(role[4]) > 0) || undefined;
}

const folder = () => mkdtempSync(join(tmpdir(), 'llm-bridge-redis-'));
const id = () => randomBytes(20).toString('hex');
const ports = async (count: number) => {
  const found = new Set<number>();
  while (found.size < count) found.add(await freePort());
  return [...found];
};
const stopAll = async (servers: readonly RedisServer[], dir: string) => {
  await Promise.all(servers.map((server) => server.stop()));
  rmSync(dir, { recursive: true, force: true });
};

/** One server, for tests that take any topology. */
export async function startStandalone(...more: string[]): Promise<RedisTopology> {
  const server = await startRedis('--maxmemory-policy', 'noeviction', ...more);
  return {
    yaml: `{ url: "${server.url}" }`,
    servers: [server],
    master: () => Promise.resolve(server),
    handOver: () => Promise.reject(new Error('there is nobody to hand over to')),
    stop: () => server.stop(),
  };
}

const replicating = [
  '--repl-diskless-sync-delay',
  '0',
  '--repl-timeout',
  '5',
  '--repl-ping-replica-period',
  '1',
  '--maxmemory-policy',
  'noeviction',
];

/** A master with two replicas, watched by three sentinels. */
export async function startSentinels(...more: string[]): Promise<RedisTopology> {
  const dir = folder();
  const name = 'mymaster';
  const [first = 0, second = 0, third = 0, ...sentinelPorts] = await ports(6);
  const common = (port: number) => ['--dir', dir, '--dbfilename', `${port}.rdb`, ...replicating, ...more];
  const follow = ['--replicaof', '127.0.0.1', String(first)];
  const servers = [
    await startRedisOn(first, common(first)),
    await startRedisOn(second, [...common(second), ...follow]),
    await startRedisOn(third, [...common(third), ...follow]),
  ];
  await until(() => allFollow([second, third]), 'replicas');
  const ids = sentinelPorts.map(id);
  // Each is told of the others, which saves the seconds that they take to find each other.
  const sentinels = await Promise.all(
    sentinelPorts.map((port, i) => {
      const others = sentinelPorts.flatMap((other, j) =>
        i === j ? [] : [`sentinel known-sentinel ${name} 127.0.0.1 ${other} ${ids[j]}`],
      );
      const file = join(dir, `sentinel-${port}.conf`);
      const lines = [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${dir}`,
        `sentinel myid ${ids[i]}`,
        `sentinel monitor ${name} 127.0.0.1 ${first} 2`,
        `sentinel down-after-milliseconds ${name} ${silenceMs}`,
        `sentinel failover-timeout ${name} ${4 * silenceMs}`,
        `sentinel known-replica ${name} 127.0.0.1 ${second}`,
        `sentinel known-replica ${name} 127.0.0.1 ${third}`,
        ...others,
      ];
      writeFileSync(file, lines.join('\n'));
      return startRedisOn(port, [], [file, '--sentinel']);
    }),
  );
  const [sentinel = 0] = sentinelPorts;
  const master = () =>
    until(async () => {
      const named = (await ask(sentinel, 'SENTINEL', 'get-master-addr-by-name', name)) as string[] | undefined;
      const server = servers.find(({ port }) => String(port) === named?.[1]);
      const [role] = ((server && (await ask(server.port, 'ROLE'))) ?? []) as string[];
      return role === 'master' ? server : undefined;
    }, 'a master');
  return {
    yaml: `{ sentinel: { name: ${name}, nodes: [${sentinelPorts.map((port) => `"127.0.0.1:${port}"`).join(', ')}] } }`,
    servers,
    master,
    async handOver() {
      const before = await master();
      // Refused while the sentinels have no replica that they hold for good.
      await until(async () => await ask(sentinel, 'SENTINEL', 'FAILOVER', name), 'a failover');
      return until(async () => {
        const now = await master();
        return now === before ? undefined : now;
      }, 'another master');
    },
    stop: () => stopAll([...sentinels, ...servers], dir),
  };
}

/** A cluster of three masters, each with one replica. */
export async function startCluster(...more: string[]): Promise<RedisTopology> {
  const dir = folder();
  const nodes = (await ports(12)).slice(0, 6).map((port) => ({ port, id: id() }));
  const buses = (await ports(6)).map(String);
  const slots = ['0-5460', '5461-10922', '10923-16383'];
  // They know each other from the start, which saves what meeting takes.
  const line = (i: number, self: number) => {
    const { port, id: own } = nodes[i] ?? { port: 0, id: '' };
    const me = i === self ? 'myself,' : '';
    const role =
      i < 3
        ? `${me}master - 0 0 ${i + 1} connected ${slots[i]}`
        : `${me}slave ${nodes[i - 3]?.id} 0 0 ${i - 2} connected`;
    return `${own} 127.0.0.1:${port}@${buses[i]} ${role}`;
  };
  const servers = await Promise.all(
    nodes.map(({ port }, i) => {
      const file = `nodes-${port}.conf`;
      const lines = [...nodes.map((_node, j) => line(j, i)), 'vars currentEpoch 6 lastVoteEpoch 0', ''];
      writeFileSync(join(dir, file), lines.join('\n'));
      const cluster = ['--cluster-enabled', 'yes', '--cluster-config-file', file, '--cluster-port', buses[i] ?? ''];
      const speed = ['--cluster-node-timeout', String(silenceMs), '--cluster-replica-validity-factor', '0'];
      const own = ['--dir', dir, '--dbfilename', `${port}.rdb`, ...replicating, ...cluster, ...speed];
      return startRedisOn(port, [...own, ...more]);
    }),
  );
  const isUp = async ({ port }: RedisServer) => String(await ask(port, 'CLUSTER', 'INFO')).includes('cluster_state:ok');
  await until(async () => (await Promise.all(servers.map(isUp))).every(Boolean) || undefined, 'the cluster');
  await until(() => allFollow(nodes.slice(3).map(({ port }) => port)), 'replicas');
  const slot = Number(await ask(nodes[0]?.port ?? 0, 'CLUSTER', 'KEYSLOT', sample));
  /** Those of the newest epoch are right where they differ; the most say so. */
  const owner = async () => {
    const named = new Map<number, number>();
    for (const { port } of servers) {
      const ranges = (await ask(port, 'CLUSTER', 'SLOTS')) as [number, number, [string, number]][] | undefined;
      const range = ranges?.find(([from, to]) => slot >= from && slot <= to);
      if (range !== undefined) named.set(range[2][1], (named.get(range[2][1]) ?? 0) + 1);
    }
    const [most] = [...named].filter(([, votes]) => votes >= 4).map(([port]) => port);
    const server = servers.find(({ port }) => port === most);
    const [role] = ((server && (await ask(server.port, 'ROLE'))) ?? []) as string[];
    return role === 'master' ? server : undefined;
  };
  const master = () => until(owner, 'a master');
  return {
    yaml: `{ cluster: [${nodes.map(({ port }) => `"127.0.0.1:${port}"`).join(', ')}] }`,
    servers,
    master,
    async handOver() {
      const before = await master();
      const replica = await until(async () => {
        const [, , replicas] = (await ask(before.port, 'ROLE')) as [string, number, [string, string][]];
        const port = Number(replicas?.[0]?.[1] ?? 0);
        return (await allFollow([port])) && port;
      }, 'a replica');
      let askedAt = Number.NEGATIVE_INFINITY;
      return until(async () => {
        // One that came to nothing is given up after five seconds.
        if (performance.now() - askedAt > 5_500) {
          askedAt = performance.now();
          await ask(replica, 'CLUSTER', 'FAILOVER');
        }
        const now = await master();
        return now === before ? undefined : now;
      }, 'another master');
    },
    stop: () => stopAll(servers, dir),
  };
}

/** One server behind TLS, with a password, and an authority of its own; `ca` is that one's file. */
export async function startTls(
  password: string,
): Promise<RedisTopology & { readonly ca: string; readonly port: number }> {
  const dir = folder();
  const path = (name: string) => join(dir, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore', cwd: dir });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=Test authority', '-keyout', 'ca.key', '-out', 'ca.crt');
  openssl('req', ...key, '-subj', '/CN=redis', '-keyout', 'redis.key', '-out', 'redis.csr');
  writeFileSync(path('ext'), 'subjectAltName=IP:127.0.0.1,DNS:localhost');
  const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'ext'];
  openssl('x509', '-req', '-in', 'redis.csr', ...signed, '-out', 'redis.crt');
  const port = await freePort();
  const files = ['--tls-cert-file', path('redis.crt'), '--tls-key-file', path('redis.key')];
  const tls = [
    '--port',
    '0',
    '--tls-port',
    String(port),
    '--tls-ca-cert-file',
    path('ca.crt'),
    '--tls-auth-clients',
    'no',
  ];
  const server = await startRedisOn(port, [], [...tls, ...files, '--save', '', '--requirepass', password]);
  return {
    yaml: `{ url: "rediss://127.0.0.1:${port}", password: "${password}", ca: "${path('ca.crt')}" }`,
    ca: path('ca.crt'),
    port,
    servers: [server],
    master: () => Promise.resolve(server),
    handOver: () => Promise.reject(new Error('there is nobody to hand over to')),
    stop: () => stopAll([server], dir),
  };
}
