import type { BalancerEvents } from './kernel/balancer-events.ts';

/** All that the balancer tells, counted; what takes a target away or brings it back is told to those who watch, too. */
export const countedAndWatched = (
  counted: BalancerEvents,
  watched: Pick<BalancerEvents, 'ejected' | 'cooled' | 'probed'>,
): BalancerEvents => ({
  ...counted,
  ejected(target, ms) {
    counted.ejected(target, ms);
    watched.ejected(target, ms);
  },
  cooled(target, why, ms) {
    counted.cooled(target, why, ms);
    watched.cooled(target, why, ms);
  },
  probed(provider, up) {
    counted.probed(provider, up);
    watched.probed(provider, up);
  },
});
