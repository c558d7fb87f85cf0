import type { Lane } from '../balancer/lane.ts';
import type { Candidate } from '../balancer/policy.ts';
import type { Fault } from '../kernel/fault.ts';
import type { Failed } from './shot.ts';

/** What a call has been through. Most calls are served at once and never need one. */
export class Past {
  readonly failures: Fault[] = [];
  /** Targets that were asked, and failed or were given up. */
  readonly passed = new Set<Candidate>();
  /** Of those, the ones that may be asked again. */
  readonly #passing = new Set<Candidate>();
  readonly #tries = new Map<Candidate, number>();

  /** `first` was asked once. */
  constructor(first: Candidate | undefined) {
    if (first !== undefined) this.#tries.set(first, 1);
  }

  /** How often a target was asked. */
  triesOf(candidate: Candidate): number {
    return this.#tries.get(candidate) ?? 0;
  }

  asks(candidate: Candidate): void {
    this.#tries.set(candidate, this.triesOf(candidate) + 1);
  }

  mayRetry(candidate: Candidate): boolean {
    return this.#passing.has(candidate);
  }

  note({ candidate, fault }: Failed, lane: Lane): void {
    this.failures.push(fault);
    this.passed.add(candidate);
    // A target that was silent for so long is not asked again.
    if (fault.detail.blame === 'provider' && fault.reason !== 'PROVIDER_TIMEOUT') this.#passing.add(candidate);
    else this.#passing.delete(candidate);
    const { context } = candidate.target;
    if (fault.detail.blame !== 'context' || context === undefined) return;
    for (const other of lane.tiers.flat()) {
      if (other.target.context !== undefined && other.target.context <= context) this.passed.add(other);
    }
  }
}
