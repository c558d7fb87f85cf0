import type { GatewayConfig } from './config/gateway-config.ts';
import type { ProviderInstance } from './config/providers.ts';
import type { Clock } from './kernel/clock.ts';
import type { Provider, ProviderType } from './kernel/provider.ts';
import { createModelLists, type ModelLists } from './services/model-lists.ts';
import type { GatewayEvents } from './telemetry/gateway-events.ts';

/** Whether an instance is asked for its models: as its `list_models` says, else where it has a key. */
export const isListed = (
  { list_models, api_keys }: Pick<ProviderInstance, 'api_keys' | 'list_models'>,
  { simulated }: ProviderType,
): boolean => !simulated && (list_models ?? api_keys.length > 0);

/**
 * Names of the instances that are asked as soon as the gateway starts. One at an address of the configuration's own, that
 * did not say so, waits until somebody wants to know: it may be a machine that requests wake, or a stand-in that counts them.
 */
export function listedAtOnce(instances: Iterable<ProviderInstance>, types: readonly ProviderType[]): Set<string> {
  const names = new Set<string>();
  for (const instance of instances) {
    const type = types.find((each) => each.type === instance.type);
    if (type === undefined || !isListed(instance, type)) continue;
    if (instance.list_models === true || instance.base_url === type.baseUrl) names.add(instance.name);
  }
  return names;
}

/** The providers' lists of models, as the configuration says when they are asked for. */
export const configuredLists = (
  { discovery, providers: instances }: GatewayConfig,
  types: readonly ProviderType[],
  providers: Iterable<Provider>,
  clock: Clock,
  { modelsUnlisted }: GatewayEvents,
): ModelLists =>
  createModelLists({
    providers,
    eager: listedAtOnce(Object.values(instances), types),
    clock,
    intervalMs: discovery.interval,
    timeoutMs: discovery.timeout,
    onFailure: modelsUnlisted,
  });
