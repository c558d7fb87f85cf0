import { create } from '@bufbuild/protobuf';
import { HealthComponentSchema, HealthStatus } from '../../gen/es/llmbridge/v1/health_service_pb.ts';
import type { Balancer } from '../balancer/balancer.ts';
import type { BalancerEvents } from '../kernel/balancer-events.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Route } from '../kernel/provider.ts';
import type { Readiness } from '../kernel/readiness.ts';
import type { ComponentProbe } from './health.ts';

/** The name under which a route stands in the health services. */
export const healthName = (route: string): string => `model/${route}`;

/** How often routes that nobody can serve are looked at again, in milliseconds. */
const lookAgainMs = 250;

/** Routes as components: serving while one of their targets may be asked. */
export function routeProbe(balancer: Balancer, routes: Iterable<Route>): ComponentProbe {
  const list = [...routes];
  return () =>
    list.map((route) => {
      const name = healthName(route.name);
      if (route.targets.every(({ provider }) => provider.disabled !== undefined)) {
        const message = 'its providers are disabled';
        return create(HealthComponentSchema, { name, status: HealthStatus.DISABLED, message });
      }
      if (balancer.isServing(route)) return create(HealthComponentSchema, { name, status: HealthStatus.SERVING });
      const message = 'all of its targets fail, or are over their limits';
      return create(HealthComponentSchema, { name, status: HealthStatus.NOT_SERVING, message });
    });
}

/**
 * Keeps the readiness of every route: it is not serving while none of its targets may be asked. Looks when the balancer
 * tells of a target lost, when the server becomes ready, and while a route is down until it is not.
 */
export function watchRoutes(
  balancer: Balancer,
  routes: Iterable<Route>,
  readiness: Readiness,
  clock: Clock,
): Pick<BalancerEvents, 'ejected' | 'cooled' | 'probed'> {
  const list = [...routes];
  let scheduled = false;
  const look = () => {
    // While the whole server is not serving, as in a drain, no part of it is.
    if (readiness.isServing('') !== true) return;
    let down = false;
    for (const route of list) {
      const serving = balancer.isServing(route);
      readiness.set(serving, healthName(route.name));
      down ||= !serving;
    }
    if (!down || scheduled) return;
    scheduled = true;
    clock.after(lookAgainMs, () => {
      scheduled = false;
      look();
    });
  };
  // What went by while nothing was serving.
  readiness.onChange(look);
  return { ejected: look, cooled: look, probed: look };
}
