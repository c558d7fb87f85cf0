import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { ChosenConfig } from '../config/choose.ts';
import { systemClock } from '../kernel/clock.ts';
import { limitsInMemory } from '../limits-in-memory.ts';
import { createGatewayEvents } from '../telemetry/gateway-events.ts';
import { createLogger } from '../telemetry/logger.ts';
import { Primary } from '../workers/primary.ts';
import { lingerMs, overdueMs } from './serve-patience.ts';
import { warnOf } from './serve-warnings.ts';
import { stopSignal } from './stop-signal.ts';

/** A port that nobody has at this moment. */
async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Serves in worker processes that run this same command line. */
export async function serveByWorkers(chosen: ChosenConfig, workers: number): Promise<number> {
  const { server, monitoring, security } = chosen.config;
  const events = createGatewayEvents(createLogger({ level: monitoring.log.level }));
  warnOf(chosen, events);
  const patienceMs = server.drain_timeout + overdueMs + lingerMs;
  const { limiter } = limitsInMemory(security.sealing.epoch_guard, systemClock);
  const port = server.port === 0 ? await freePort(server.host) : server.port;
  return new Primary({ workers, port, events, limiter, stopped: stopSignal(), patienceMs }).run();
}
