import type { Fault } from '../kernel/fault.ts';
import type { Provider } from '../kernel/provider.ts';
import { errorShape } from './error-shape.ts';
import type { Logger } from './logger.ts';

/** Where and how the gateway listens. */
export interface Started {
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
  readonly version: string;
  /** From the start of the process to the open port. */
  readonly startupMs: number;
  /** Processes that serve it, where they are several. */
  readonly workers?: number;
}

/** What happens to the gateway itself, apart from calls: one log line each, told apart by `event`. */
export interface GatewayEvents {
  started(info: Started): void;
  /** Something in the configuration that works, but hardly as meant. The text names the path, never a value. */
  configWarning(path: string, text: string): void;
  /** The configuration was read again; `changed` are the paths that are in use now. */
  configReloaded(trigger: string, changed: readonly string[]): void;
  /** It was read again, and can't be used; the one before stays. The text names paths and files, never a value. */
  configRefused(trigger: string, text: string): void;
  /** What else of it changed, and waits for a restart. */
  configPending(paths: readonly string[]): void;
  /** One line for each provider that can't be asked, or that only simulates. */
  providers(providers: Iterable<Provider>): void;
  /** The keys that callers' tokens are checked by could not be fetched. */
  issuerUnavailable(thrown: unknown): void;
  /** A provider did not list its models; what it listed before still stands. */
  modelsUnlisted(provider: string, fault: Fault): void;
  /** The price lists could not be loaded: calls go without a cost. */
  pricesUnknown(thrown: unknown): void;
  /** Budgets can't count calls of this model: it has no known price. */
  priceUnknown(provider: string, model: string): void;
  /** More messages came under a sealing key than it is good for; the log has its id alone. */
  sealingKeyWorn(keyId: string): void;
  /** The store of the limits is out, or answers again. */
  limitStore(out: boolean): void;
  /** No connection to it comes about, for this reason; told once for each, until there is one. */
  limitStoreUnreachable(why: string): void;
  /** A worker process ended by itself; another takes its place. */
  workerLost(worker: number, cause: string): void;
  workerReplaced(worker: number): void;
  draining(reason: string, inFlight: number): void;
  /** `cut` calls had not finished in time. */
  drained(durationMs: number, cut: number): void;
  /** Nothing caught it: the process can't go on, or a connection could not. */
  failed(thrown: unknown): void;
}

export const createGatewayEvents = (logger: Logger): GatewayEvents => ({
  started({ address, port, tls, version, startupMs, workers }) {
    const node = process.versions.node;
    logger.info(
      {
        event: 'started',
        address,
        port,
        tls,
        version,
        node,
        startup_ms: Math.round(startupMs),
        ...(workers && { workers }),
      },
      'llm-bridge is listening',
    );
  },
  configWarning(path, text) {
    logger.warn({ event: 'config_warning', path }, text);
  },
  configReloaded(trigger, changed) {
    const text = changed.length > 0 ? 'new settings are in use' : 'nothing new that can be taken while running';
    logger.info({ event: 'config_reloaded', trigger, changed }, text);
  },
  configRefused(trigger, text) {
    logger.error({ event: 'config_refused', trigger, problems: text }, 'the new configuration is refused as a whole');
  },
  configPending(paths) {
    logger.warn({ event: 'config_pending', paths }, 'these settings changed, and wait for a restart');
  },
  providers(providers) {
    for (const { name, type, disabled } of providers) {
      const fields = { provider: name, type: type.type };
      if (disabled !== undefined) logger.warn({ event: 'provider_disabled', ...fields }, disabled);
      else if (type.simulated) {
        logger.warn({ event: 'provider_simulated', ...fields }, 'answers of this provider are simulated');
      }
    }
  },
  issuerUnavailable(thrown) {
    logger.warn({ event: 'issuer_unavailable', error: errorShape(thrown) }, 'the keys behind security.jwt.jwks_url');
  },
  modelsUnlisted(provider, fault) {
    logger.warn({ event: 'models_unlisted', provider, reason: fault.reason }, fault.message);
  },
  pricesUnknown(thrown) {
    logger.warn({ event: 'prices_unknown', error: errorShape(thrown) }, 'price lists could not be loaded');
  },
  priceUnknown(provider, model) {
    logger.warn(
      { event: 'price_unknown', provider, model },
      'budgets count calls of this model at nothing: it has no price',
    );
  },
  sealingKeyWorn(keyId) {
    logger.warn({ event: 'sealing_key_worn', sealing_key: keyId }, 'half of what a sealing key is good for: rotate it');
  },
  limitStore(out) {
    if (out) logger.warn({ event: 'limit_store_out' }, 'limits are judged without Redis, as rate_limit.on_outage says');
    else logger.info({ event: 'limit_store_back' }, 'limits are in Redis again');
  },
  limitStoreUnreachable(why) {
    logger.warn({ event: 'limit_store_unreachable', why }, 'no connection to Redis');
  },
  workerLost(worker, cause) {
    logger.error({ event: 'worker_lost', worker, cause }, 'a worker process ended by itself');
  },
  workerReplaced(worker) {
    logger.info({ event: 'worker_replaced', worker }, 'another worker process serves in its place');
  },
  draining(reason, inFlight) {
    logger.info({ event: 'draining', reason, in_flight: inFlight }, 'taking no new calls');
  },
  drained(durationMs, cut) {
    const fields = { event: 'drained', duration_ms: Math.round(durationMs), cut };
    if (cut > 0) logger.warn(fields, 'stopped with calls unfinished');
    else logger.info(fields, 'stopped');
  },
  failed(thrown) {
    logger.error({ event: 'failed', error: errorShape(thrown) }, 'an error that nothing caught');
  },
});
