import { type BalancerEvents, noBalancerEvents, type TargetState } from '../kernel/balancer-events.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Provider, Route, Target } from '../kernel/provider.ts';
import { Admission } from './admission.ts';
import { HedgePace } from './hedge-pace.ts';
import { isReady, type Lane } from './lane.ts';
import { policiesOf } from './orders/index.ts';
import type { Candidate } from './policy.ts';
import { Pulse } from './pulse.ts';
import { type BalancerSettings, overlay, type RouteSettings } from './settings.ts';
import { TargetVitals } from './vitals.ts';

export interface BalancerParts {
  readonly clock: Clock;
  readonly settings: BalancerSettings;
  /** Numbers from 0 to below 1; Math.random by default. */
  readonly chance?: () => number;
  readonly events?: BalancerEvents;
}

/** Targets outside of routes that are remembered: callers may name any model. */
const mostRemembered = 1_000;

const unbounded = { maxConcurrent: Number.POSITIVE_INFINITY, maxQueue: 0, maxQueueMs: 0 };

/** What is known of every target, and how the calls of every route are spread over theirs. */
export class Balancer {
  readonly clock: Clock;
  readonly chance: () => number;
  /** Heard by all, once it is set: what hears it may want to ask the balancer. */
  events: BalancerEvents;
  readonly #settings: BalancerSettings;
  readonly #lanes = new WeakMap<Route, Lane>();
  readonly #routeLanes = new Set<Lane>();
  /** Lanes of single targets by provider and model, the least recently used first. */
  readonly #singles = new Map<string, Lane>();
  /** Vitals of the routes' targets, by provider and model: routes that share a target share what is known of it. */
  readonly #vitals = new Map<string, TargetVitals>();
  readonly #admissions = new Map<string, Admission>();
  readonly #pulses = new Map<string, Pulse>();

  constructor({ clock, settings, chance, events }: BalancerParts) {
    this.clock = clock;
    this.chance = chance ?? Math.random;
    this.events = events ?? noBalancerEvents;
    this.#settings = settings;
  }

  /** The lane of a route. */
  ofRoute(route: Route): Lane {
    let lane = this.#lanes.get(route);
    if (lane === undefined) {
      const settings = this.#routeSettings(route.name);
      lane = this.#lane(route.name, settings, route.policy, route.targets, this.#pinned);
      this.#lanes.set(route, lane);
      this.#routeLanes.add(lane);
    }
    return lane;
  }

  /** The lane of one model at one provider, asked for by name. */
  ofTarget(target: Target): Lane {
    const key = keyOf(target);
    let lane = this.#singles.get(key);
    if (lane !== undefined && lane.tiers[0]?.[0]?.target.provider === target.provider) {
      if (this.#singles.size > mostRemembered / 2) {
        this.#singles.delete(key);
        this.#singles.set(key, lane);
      }
      return lane;
    }
    const settings = { ...this.#settings, admission: unbounded };
    lane = this.#lane(key, settings, [], [target], () => this.#vitals.get(key) ?? this.#newVitals(target));
    if (this.#singles.size >= mostRemembered) this.#forgetOne();
    this.#singles.set(key, lane);
    return lane;
  }

  /** A lane of some of a lane's candidates, in other tiers: what a caller's own preference leaves. */
  narrowed(lane: Lane, tiers: readonly (readonly Candidate[])[]): Lane {
    return { ...lane, tiers };
  }

  /** Whether a provider answers its probes; for whoever probes it, and whoever shows it. */
  pulseOf({ name }: Provider): Pulse {
    let pulse = this.#pulses.get(name);
    if (pulse === undefined) {
      pulse = new Pulse(this.clock, (up) => this.events.probed(name, up));
      this.#pulses.set(name, pulse);
    }
    return pulse;
  }

  /** Whether a route has a target that may be asked now. */
  isServing(route: Route): boolean {
    return this.ofRoute(route).tiers.some((tier) => tier.some(isReady));
  }

  /** How every target fares that routes lead to, and those lately asked by name. */
  *states(): Generator<TargetState> {
    const seen = new Set<TargetVitals>();
    for (const lane of [...this.#routeLanes, ...this.#singles.values()]) {
      for (const { target, vitals } of lane.tiers.flat()) {
        if (seen.has(vitals)) continue;
        seen.add(vitals);
        const { breaker, coolingMs, inFlight } = vitals;
        yield { target, breaker: breaker.state, coolingMs, inFlight };
      }
    }
  }

  #lane(
    name: string,
    settings: RouteSettings,
    policy: readonly string[],
    targets: readonly Target[],
    vitalsOf: (target: Target) => TargetVitals,
  ): Lane {
    const enabled = targets.filter(({ provider }) => provider.disabled === undefined);
    const candidates = enabled.map((target) => ({
      target,
      vitals: vitalsOf(target),
      timeouts: this.#timeouts(target.provider, name),
      admission: this.#providerAdmission(target.provider),
    }));
    const tiers = [...Map.groupBy(candidates, ({ target }) => target.priority)]
      .sort(([a], [b]) => a - b)
      .map(([, tier]) => tier);
    return {
      name,
      insists: vitalsOf !== this.#pinned,
      settings,
      tiers,
      policies: policiesOf(policy, this.chance),
      admission: new Admission(this.clock, settings.admission),
      pace: new HedgePace(this.clock, settings.hedge),
      looksInside:
        policy.includes('cheapest') ||
        targets.some(({ context, lacks }) => context !== undefined || lacks !== undefined),
    };
  }

  #routeSettings(name: string): RouteSettings {
    const { timeouts, retry, hedge, recovery, contextFallback, admission } = this.#settings;
    const own = this.#settings.routes.get(name);
    return {
      timeouts: overlay(timeouts, own?.timeouts),
      retry: overlay(retry, own?.retry),
      hedge: overlay(hedge, own?.hedge),
      recovery: own?.recovery ?? recovery,
      contextFallback: own?.contextFallback ?? contextFallback,
      admission: overlay(admission, own?.admission),
    };
  }

  #timeouts({ name }: Provider, route: string) {
    const { timeouts, providers, routes } = this.#settings;
    return overlay(overlay(timeouts, providers.get(name)?.timeouts), routes.get(route)?.timeouts);
  }

  #providerAdmission({ name }: Provider): Admission {
    let admission = this.#admissions.get(name);
    if (admission === undefined) {
      const { admission: defaults, providers } = this.#settings;
      admission = new Admission(this.clock, overlay(defaults, providers.get(name)?.admission));
      this.#admissions.set(name, admission);
    }
    return admission;
  }

  readonly #pinned = (target: Target): TargetVitals => {
    const key = keyOf(target);
    let vitals = this.#vitals.get(key);
    if (vitals === undefined) {
      vitals = this.#newVitals(target);
      this.#vitals.set(key, vitals);
    }
    return vitals;
  };

  #newVitals(target: Target): TargetVitals {
    const { breaker, budget, providers } = this.#settings;
    const own = overlay(breaker, providers.get(target.provider.name)?.breaker);
    return new TargetVitals(
      target,
      this.clock,
      { breaker: own, budget },
      () => this.events,
      this.pulseOf(target.provider),
    );
  }

  /** The least recently used of those that nobody uses now. */
  #forgetOne(): void {
    for (const [key, { tiers }] of this.#singles) {
      if (tiers[0]?.[0]?.vitals.inFlight !== 0) continue;
      this.#singles.delete(key);
      return;
    }
  }
}

const keyOf = ({ provider, model }: Target): string => `${provider.name}/${model}`;
