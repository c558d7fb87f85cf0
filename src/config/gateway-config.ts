import { z } from 'zod';
import { balancer } from './balancer.ts';
import { cache } from './cache.ts';
import { discovery } from './discovery.ts';
import { models } from './models.ts';
import { monitoring } from './monitoring.ts';
import { type ConfigurableType, type ProviderInstance, providers } from './providers.ts';
import { rateLimit } from './rate-limit.ts';
import { redis } from './redis.ts';
import { security } from './security.ts';
import { server } from './server.ts';

// Code made for a schema pays where much is read by it; a configuration is read once.
z.config({ jitless: true });

/** The schema of the whole file, for the provider types there are. */
export const gatewaySchema = (types: readonly ConfigurableType[]) =>
  z.strictObject({
    server: server.prefault({}).describe('The port and its limits.'),
    providers: providers(types).describe('Model providers: instances by a name of your choice.'),
    models: models.default([]).describe('Names that callers ask for, and the targets behind each.'),
    discovery: discovery.prefault({}).describe('Lists of models, as providers tell them.'),
    balancer: balancer.prefault({}).describe('Timeouts, retries and what follows them.'),
    rate_limit: rateLimit.prefault({}).describe('Limits on callers.'),
    security: security.prefault({}).describe('Who may call.'),
    redis: redis.prefault({}).describe('The store that instances share.'),
    cache: cache.prefault({}).describe('The response cache.'),
    monitoring: monitoring.prefault({}).describe('Logs, metrics and traces.'),
  });

type DeepReadonly<T> = T extends (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

type Parsed = z.output<ReturnType<typeof gatewaySchema>>;

/**
 * The whole configuration, every value there: durations in milliseconds, sizes in bytes, rates as count and window,
 * dates as milliseconds since the Unix epoch, secrets read. Frozen through and through.
 */
export type GatewayConfig = DeepReadonly<Omit<Parsed, 'providers'>> & {
  readonly providers: Readonly<Record<string, ProviderInstance>>;
};
