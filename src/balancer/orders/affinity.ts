import type { Target } from '../../kernel/provider.ts';
import { byScore, type Policy } from '../policy.ts';

/** 32-bit FNV-1a with a final mix (MurmurHash3's), without which keys that differ in their last letter rank alike. */
function hash(text: string, seed: number): number {
  let h = seed;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const offset = 0x811c9dc5;

/** Rendezvous hashing on the caller's cache key: each key keeps its target, whatever others come and go. */
export function affinity(): Policy {
  const seeds = new WeakMap<Target, number>();
  const seedOf = (target: Target) => {
    let seed = seeds.get(target);
    if (seed === undefined) {
      seed = hash(`${target.provider.name}/${target.model}`, offset);
      seeds.set(target, seed);
    }
    return seed;
  };
  const ranked = byScore(({ target }, { affinityKey }) => -hash(affinityKey, seedOf(target)));
  return (candidates, call) => (call.affinityKey === '' ? candidates : ranked(candidates, call));
}
