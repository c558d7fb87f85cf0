import type { Balancer } from '../balancer/balancer.ts';
import type { Lane } from '../balancer/lane.ts';
import { Fault } from '../kernel/fault.ts';
import type { ChatRequest } from '../kernel/messages.ts';

/**
 * What is left of a lane by the caller's own preference: some providers, some regions, and an order of providers that
 * comes before the route's tiers. Faults with MODEL_NOT_FOUND where nothing is.
 */
export function narrow(balancer: Balancer, lane: Lane, { routing }: ChatRequest): Lane {
  if (routing === undefined) return lane;
  const { providers, regions, order } = routing;
  if (providers.length + regions.length + order.length === 0) return lane;
  const fit = lane.tiers
    .flat()
    .filter(
      ({ target: { provider } }) =>
        (providers.length === 0 || providers.includes(provider.name)) &&
        (regions.length === 0 || (provider.region !== undefined && regions.includes(provider.region))),
    );
  if (fit.length === 0) {
    throw new Fault('MODEL_NOT_FOUND', `no target of ${JSON.stringify(lane.name)} is left by the request's routing`, {
      metadata: { model: lane.name },
    });
  }
  const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  const ranks = Map.groupBy(fit, ({ target }) => rank(target.provider.name));
  const tiers = [...ranks]
    .sort(([a], [b]) => a - b)
    .flatMap(([, same]) => [...Map.groupBy(same, ({ target }) => target.priority).values()]);
  return balancer.narrowed(lane, tiers);
}
