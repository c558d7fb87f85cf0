import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGateway, type GatewayOverrides } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { providerTypes } from '../../src/providers/index.ts';
import { type Served, serve } from './process.ts';

/** A gateway under test, in this process. */
export interface TestGateway {
  readonly port: number;
  readonly url: string;
  /** Log lines so far, parsed. */
  readonly log: readonly Record<string, unknown>[];
  stop(): Promise<void>;
}

/** Puts a configuration text into a file of its own; `remove` takes it away again. */
function configFile(yaml: string) {
  const folder = mkdtempSync(join(tmpdir(), 'llm-bridge-test-'));
  const file = join(folder, 'config.yaml');
  writeFileSync(file, yaml);
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Merges the test's own port into the text's `server` group. With LANES=off connect-es serves every RPC. */
export const onFreePort = {
  LLMBRIDGE_SERVER__PORT: '0',
  LLMBRIDGE_MONITORING__LOG__LEVEL: 'info',
  ...(process.env['LANES'] === 'off' && { LLMBRIDGE_SERVER__LANES: 'false' }),
};

/** Starts a gateway in this process on a free port of loopback, from the text of a configuration file. */
export async function startGateway(
  yaml: string,
  env: Readonly<Record<string, string>> = {},
  overrides: GatewayOverrides = {},
): Promise<TestGateway> {
  const { file, remove } = configFile(yaml);
  try {
    const log: Record<string, unknown>[] = [];
    const { config } = loadConfig(file, { ...onFreePort, ...env }, providerTypes);
    const gateway = await createGateway(config, {
      logDestination: { write: (line) => void log.push(JSON.parse(line) as Record<string, unknown>) },
      ...overrides,
    });
    return {
      port: gateway.port,
      url: `http://127.0.0.1:${gateway.port}`,
      log,
      stop: () => gateway.drain('test'),
    };
  } finally {
    remove();
  }
}

/** A gateway under test, in a process of its own. */
export interface GatewayProcess extends Served {
  readonly port: number;
  readonly url: string;
}

/**
 * Starts `llm-bridge serve` as its own process, from the text of a configuration file. `onLine` takes its log once it is
 * ready, in place of `output`.
 */
export async function spawnGateway(
  yaml: string,
  env: Readonly<Record<string, string>> = {},
  onLine?: (line: string) => void,
): Promise<GatewayProcess> {
  const { file, remove } = configFile(yaml);
  const flags = env['NODE_FLAGS']?.split(' ') ?? [];
  const starting = serve(
    process.execPath,
    [...flags, 'src/main.ts', 'serve', '--config', file],
    /"event":"started".*"port":(\d+)/,
    { env: { ...onFreePort, ...env }, ...(onLine !== undefined && { onLine }) },
  );
  // A worker that takes another's place reads it again.
  void starting.then(({ exited }) => exited).then(remove, remove);
  const served = await starting;
  const port = Number(served.match[1]);
  return { ...served, port, url: `http://127.0.0.1:${port}` };
}
