import type { GatewayConfig } from './config/gateway-config.ts';
import type { Provider, Route, Target, TokenPrice } from './kernel/provider.ts';

/** The configured routes by their names; a target whose provider is not there is left out. */
export function createRoutes(
  models: GatewayConfig['models'],
  providers: ReadonlyMap<string, Provider>,
): ReadonlyMap<string, Route> {
  return new Map(
    models.map(({ name, policy, targets }) => {
      const found = targets.flatMap(({ provider: providerName, price, ...target }) => {
        const provider = providers.get(providerName);
        return provider === undefined ? [] : [routeTarget(provider, price, target)];
      });
      return [name, { name, policy, targets: found }];
    }),
  );
}

type RouteTarget = GatewayConfig['models'][number]['targets'][number];

/** A route's target; prices are by the million tokens in the file. */
function routeTarget(
  provider: Provider,
  price: RouteTarget['price'],
  { model, weight, priority, context, lacks }: Omit<RouteTarget, 'provider' | 'price'>,
): Target {
  return {
    provider,
    model,
    weight,
    priority,
    ...(price && { price: tokenPrice(price) }),
    ...(context !== undefined && { context }),
    ...(lacks && { lacks }),
  };
}

const tokenPrice = ({
  prompt,
  completion,
  cached_prompt,
  cache_write,
}: NonNullable<RouteTarget['price']>): TokenPrice => ({
  prompt: prompt / 1e6,
  completion: completion / 1e6,
  ...(cached_prompt !== undefined && { cachedPrompt: cached_prompt / 1e6 }),
  ...(cache_write !== undefined && { cacheWrite: cache_write / 1e6 }),
});
