import { isDeepStrictEqual } from 'node:util';
import type { ProviderInstance } from './config/providers.ts';
import type { Clock } from './kernel/clock.ts';
import { ModelListing } from './kernel/model-listing.ts';
import type { Provider, ProviderType } from './kernel/provider.ts';
import type { Upstream } from './kernel/upstream.ts';
import { isListed } from './model-discovery.ts';
import { createSimulatorUpstream } from './simulator/in-process.ts';
import type { Swappable } from './swap.ts';
import { createHttpUpstream, type HttpClient } from './upstream/http.ts';
import { signingUpstream } from './upstream/signing.ts';

/** Milliseconds, unless an instance sets its own. */
export interface ConnectionTimes {
  readonly connect: number;
  readonly connection_age: number;
}

/** Makes the provider instances of a configuration; their upstreams share connections by origin and times. */
export function createProviders(
  instances: Iterable<ProviderInstance>,
  types: readonly ProviderType[],
  connections: ConnectionTimes,
  clock: Clock,
): Swappable & { providers: Map<string, Provider>; close(): Promise<void> } {
  const list = [...instances];
  // A simulator answers under every name that the configuration lists for one.
  const simulated = list.flatMap(({ base_url, models }) => (base_url === undefined ? models : []));
  const upstreams = new Map<string, Upstream>();
  const upstreamOf = (origin: string, own: ProviderInstance['timeouts'], client: HttpClient): Upstream => {
    const connectTimeoutMs = own?.connect ?? connections.connect;
    const connectionAgeMs = own?.connection_age ?? connections.connection_age;
    const key = origin === '' ? '' : `${origin} ${connectTimeoutMs} ${connectionAgeMs} ${client}`;
    const existing = upstreams.get(key);
    if (existing !== undefined) return existing;
    const upstream =
      origin === ''
        ? createSimulatorUpstream({ models: simulated })
        : createHttpUpstream({ origin, connectTimeoutMs, connectionAgeMs, client });
    upstreams.set(key, upstream);
    return upstream;
  };

  const providers = new Map<string, Provider>();
  const keysOf = new Map<string, string[]>();
  for (const instance of list) {
    const {
      name,
      type: typeName,
      base_url,
      api_keys,
      headers,
      models,
      options,
      disabled,
      prefill,
      probe,
      forward_headers,
    } = instance;
    const type = types.find((each) => each.type === typeName);
    if (type === undefined) throw new Error(`no provider type ${typeName}`);
    const url = base_url === undefined ? undefined : new URL(base_url);
    const basePath = url === undefined ? '' : url.pathname.replace(/\/+$/, '');
    const settings = { name, basePath, headers, options };
    const upstream = upstreamOf(url?.origin ?? '', instance.timeouts, instance.http_client);
    const sign = type.signer?.(settings);
    const keys = [...api_keys];
    keysOf.set(name, keys);
    providers.set(name, {
      name,
      type,
      adapter: type.adapter(settings),
      upstream: sign && url ? signingUpstream(upstream, sign, url.host, clock) : upstream,
      keys,
      disabled,
      models,
      ...(isListed(instance, type) && { listing: new ModelListing() }),
      ...regionOf(options),
      ...(probe && {
        probe: {
          intervalMs: probe.interval,
          timeoutMs: probe.timeout,
          failureThreshold: probe.failure_threshold,
          path: probe.path,
        },
      }),
      ...(prefill !== undefined && { prefill }),
      ...(forward_headers && { forwards: forward_headers }),
    });
  }
  return {
    providers,
    paths: ['providers.*.api_keys'],
    // As many as there were: the balancer keeps a state for each.
    prepare(next) {
      const differing = Object.values(next.providers).flatMap(({ name, api_keys }) => {
        const keys = keysOf.get(name);
        return keys === undefined || isDeepStrictEqual(keys, api_keys) ? [] : [{ name, keys, api_keys }];
      });
      const isSwappable = ({ keys, api_keys }: (typeof differing)[number]) => keys.length === api_keys.length;
      const pathOf = ({ name }: (typeof differing)[number]) => `providers.${name}.api_keys`;
      return {
        changed: differing.filter(isSwappable).map(pathOf),
        pending: differing.filter((each) => !isSwappable(each)).map(pathOf),
        commit() {
          for (const { keys, api_keys } of differing.filter(isSwappable)) keys.splice(0, keys.length, ...api_keys);
        },
      };
    },
    async close() {
      await Promise.all([...upstreams.values()].map((upstream) => upstream.close()));
    },
  };
}

/** Where an instance runs, as the clouds' types have it among their options. */
function regionOf(options: Readonly<Record<string, unknown>>): { region?: string } {
  const region = options['region'] ?? options['location'];
  return typeof region === 'string' ? { region } : {};
}
