import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A Redis of a test's own, in memory only. Arguments that are repeated count as they were given last. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** SIGKILL, SIGSTOP, SIGCONT. */
  signal(name: NodeJS.Signals): void;
  /** Starts it anew on the same port, empty. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function launch(
  port: number,
  more: readonly string[],
  whole: readonly string[],
  cwd: string,
): Promise<ChildProcess> {
  const own = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const args = whole.length > 0 ? whole : [...own, ...more];
  const child = spawn('redis-server', args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      if (/Ready to accept connections|Sentinel ID is/.test(text)) resolve();
    });
    child.once('exit', () => reject(new Error(`redis-server ended: ${text}`)));
  });
  return child;
}

export const startRedis = async (...more: string[]): Promise<RedisServer> => startRedisOn(await freePort(), more);

/** The same on a port that is chosen already; `whole` are all arguments, where those that every server gets do not fit. */
export async function startRedisOn(
  port: number,
  more: readonly string[],
  whole: readonly string[] = [],
): Promise<RedisServer> {
  // A replica keeps what it was sent in a file, and any server begins with one that it finds.
  const folder = mkdtempSync(join(tmpdir(), 'llm-bridge-redis-'));
  const clear = () => rmSync(folder, { recursive: true, force: true });
  let child = await launch(port, more, whole, folder);
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    signal: (name) => void child.kill(name),
    async restart() {
      await end();
      clear();
      mkdirSync(folder);
      child = await launch(port, more, whole, folder);
    },
    async stop() {
      await end();
      clear();
    },
  };
}
