import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type GatewayParts, gatewayConfig } from './gateway.ts';
import { nginx, proxyTo } from './nginx.ts';
import { grpcMessage, structMessage } from './payload.ts';
import { type Pinned, startOn } from './process.ts';

/** How a program is spoken to over gRPC. */
export interface GrpcForm {
  readonly path: string;
  readonly streamPath: string;
  readonly message: Uint8Array;
  readonly streamMessage: Uint8Array;
}

/** A program that is measured. */
export interface Target {
  readonly name: string;
  readonly json: boolean;
  readonly grpc?: GrpcForm;
  readonly port: number;
  readonly program: Pinned;
}

/** Where the programs run, and which. */
export interface Bench {
  readonly core: number;
  readonly folder: string;
  /** The Go references. */
  readonly floor: string;
  /** Whether anything but the gateways is measured. */
  readonly references: boolean;
  /** redis:// URL of a store, where the scenario has one. */
  readonly redis?: string;
  /** The compiled gateways by name: this tree's, and one that it is held against. */
  readonly gateways: ReadonlyMap<string, string>;
  /** A build of GoModel, where there is one. */
  readonly goModel: string | undefined;
}

const here = dirname(fileURLToPath(import.meta.url));

const ours: GrpcForm = {
  path: '/llmbridge.v1.ChatService/ChatCompletion',
  streamPath: '/llmbridge.v1.ChatService/StreamChatCompletion',
  message: grpcMessage(),
  streamMessage: grpcMessage(),
};

const relay: GrpcForm = {
  path: '/floor.Chat/Complete',
  streamPath: '/floor.Chat/Stream',
  message: structMessage(false),
  streamMessage: structMessage(true),
};

/** A port that nobody has at this moment. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A gateway with these parts. */
export async function startGateway(
  { core, folder }: Bench,
  name: string,
  main: string,
  upstream: number,
  parts: GatewayParts,
): Promise<Target> {
  const port = await freePort();
  const config = join(folder, `gateway-${port}.yaml`);
  writeFileSync(config, gatewayConfig(port, upstream, parts));
  const command = [process.execPath, main, 'serve', '--config', config];
  return { name, json: true, grpc: ours, port, program: startOn(core, command) };
}

const everything: GatewayParts = { lanes: true, limits: 'memory' };

/** All gateways, each with an API key, limits in memory, metrics, log line and balancer. */
export const startGateways = (bench: Bench, upstream: number): Promise<Target[]> =>
  Promise.all([...bench.gateways].map(([name, main]) => startGateway(bench, name, main, upstream, everything)));

/** All gateways, with lanes and without. */
export async function startWithAndWithoutLanes(bench: Bench, upstream: number): Promise<Target[]> {
  const off = [...bench.gateways].map(([name, main]) =>
    startGateway(bench, `${name}, lanes off`, main, upstream, { ...everything, lanes: false }),
  );
  return [...(await startGateways(bench, upstream)), ...(await Promise.all(off))];
}

/** All programs that are measured side by side. */
export async function startAll(bench: Bench, upstream: number): Promise<Target[]> {
  const { core, folder, floor, goModel, references } = bench;
  if (!references) return startGateways(bench, upstream);
  const targets: Target[] = [];
  const start = async (
    name: string,
    command: (port: number) => string[],
    env: (port: number) => NodeJS.ProcessEnv = () => ({}),
  ) => {
    const port = await freePort();
    targets.push({ name, json: true, port, program: startOn(core, command(port), env(port), folder) });
  };
  const base = `http://127.0.0.1:${upstream}`;
  await start('nginx proxy_pass', (port) => nginx(folder, `proxy-${port}`, proxyTo(port, upstream)));
  await start('bare Node proxy', (port) => [
    process.execPath,
    join(here, 'bare-proxy.mjs'),
    String(port),
    String(upstream),
  ]);
  const oneCore = { GOMAXPROCS: '1' };
  await start(
    'Fiber, bare',
    (port) => [floor, 'fiber', `127.0.0.1:${port}`, base],
    () => oneCore,
  );
  const port = await freePort();
  const program = startOn(core, [floor, 'grpc', `127.0.0.1:${port}`, base], oneCore);
  targets.push({ name: 'grpc-go, bare', json: false, grpc: relay, port, program });
  if (goModel !== undefined) {
    await start(
      'GoModel',
      () => [goModel],
      (port) => ({ ...goModelSettings(folder, base), PORT: String(port) }),
    );
  }
  return [...targets, ...(await startGateways(bench, upstream))];
}

/** Logging, usage and metrics off: only the path of a request is measured. */
const goModelSettings = (folder: string, upstream: string): NodeJS.ProcessEnv => ({
  OPENAI_API_KEY: 'bench',
  OPENAI_BASE_URL: `${upstream}/v1`,
  LOGGING_ENABLED: 'false',
  USAGE_ENABLED: 'false',
  METRICS_ENABLED: 'false',
  SWAGGER_ENABLED: 'false',
  ENABLE_PASSTHROUGH_ROUTES: 'false',
  RETRY_MAX_RETRIES: '0',
  CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1000000000',
  STORAGE_TYPE: 'sqlite',
  SQLITE_PATH: join(folder, 'gomodel.db'),
  GOMODEL_CACHE_DIR: join(folder, 'gomodel'),
  GOMAXPROCS: '1',
  LOG_LEVEL: 'error',
});
