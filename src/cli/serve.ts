import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createGateway, type Gateway } from '../app.ts';
import { type ChosenConfig, chooseConfig } from '../config/choose.ts';
import { readEnvironment } from '../config/environment.ts';
import { loadConfig } from '../config/load.ts';
import { onHangUp } from '../hang-up.ts';
import { systemClock } from '../kernel/clock.ts';
import { sharedLimiter } from '../limits.ts';
import { providerTypes } from '../providers/index.ts';
import { createGatewayEvents, type GatewayEvents } from '../telemetry/gateway-events.ts';
import { createLogger } from '../telemetry/logger.ts';
import { workerCount } from '../workers/count.ts';
import { joinPrimary, type PrimaryLink } from '../workers/worker.ts';
import { parse } from './arguments.ts';
import { portProblem } from './port-problem.ts';
import { stopSignal } from './stop-signal.ts';
import { Exit, type Verb } from './verb.ts';

const usage = `llm-bridge [serve] [--config FILE]

Serves the gateway until SIGTERM or SIGINT: calls in flight may finish then, a second signal ends it at once.
Without --config (or LLMBRIDGE_CONFIG) it takes configs/config.yaml, or, while no provider key is set,
configs/demo.yaml, whose answers are simulated.

  -c, --config FILE    the configuration`;

/** How much longer than `server.drain_timeout` a drain may take, for farewells and sockets to close. */
const overdueMs = 5_000;

/** Grace for what should have ended with the drain before the process ends regardless. */
const lingerMs = 1_000;

/** Serves in this process until it is told to stop; resolves with the exit code. */
async function serveHere(chosen: ChosenConfig, primary: PrimaryLink | undefined): Promise<number> {
  const stopped = primary?.stopped ?? stopSignal();
  let gateway: Gateway | undefined;
  onHangUp(() => gateway?.reload('SIGHUP'));
  try {
    const source = { files: chosen.files, load: () => loadConfig(chosen.file, process.env, providerTypes) };
    gateway = await createGateway(chosen.config, { source, ...(primary && { primary }) });
  } catch (error) {
    const { host, port } = chosen.config.server;
    const problem = portProblem(error, host, port, 'server.port (LLMBRIDGE_SERVER__PORT)');
    if (problem === undefined) throw error;
    process.stderr.write(`llm-bridge: ${problem}\n`);
    return Exit.FAILED;
  }
  const { events } = gateway;
  const fail = (thrown: unknown) => {
    events.failed(thrown);
    process.exit(Exit.FAILED);
  };
  process.on('uncaughtException', fail).on('unhandledRejection', fail);
  if (primary === undefined) warn(chosen, events);

  const signal = await stopped;
  // The drain's own timers keep no process alive; this one does, and ends what would hang.
  const overdue = setTimeout(() => process.exit(Exit.FAILED), chosen.config.server.drain_timeout + overdueMs);
  await gateway.drain(signal);
  clearTimeout(overdue);
  setTimeout(() => process.exit(Exit.OK), lingerMs).unref();
  return Exit.OK;
}

function warn({ demo, file, why, warnings }: ChosenConfig, events: GatewayEvents): void {
  if (demo) events.configWarning(file, why);
  for (const { path, message } of warnings) events.configWarning(path, message);
}

/** A port that nobody has at this moment. */
async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Serves in worker processes that run this same command line. */
async function serveByWorkers(chosen: ChosenConfig, workers: number): Promise<number> {
  const { Primary } = await import('../workers/primary.ts');
  const { server, monitoring } = chosen.config;
  const events = createGatewayEvents(createLogger({ level: monitoring.log.level }));
  warn(chosen, events);
  const patienceMs = server.drain_timeout + overdueMs + lingerMs;
  const limiter = sharedLimiter(chosen.config, systemClock);
  const port = server.port === 0 ? await freePort(server.host) : server.port;
  return new Primary({ workers, port, events, limiter, stopped: stopSignal(), patienceMs }).run();
}

export const serve: Verb = {
  usage,
  async run(args) {
    const { values } = parse({ args: [...args], options: { config: { type: 'string', short: 'c' } } });
    // Node would open a debugger's port, which any user of the machine could read all keys by.
    process.on('SIGUSR1', () => {});
    // Before anything may throw: a worker ends only once it has left.
    const primary = joinPrimary();
    try {
      const chosen = chooseConfig(values.config, readEnvironment(process.cwd()), providerTypes);
      const workers = workerCount(chosen.config.server.workers);
      if (primary === undefined && workers > 1) return await serveByWorkers(chosen, workers);
      return await serveHere(chosen, primary);
    } finally {
      primary?.leave();
    }
  },
};
