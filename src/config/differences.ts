import type { Path } from './problem.ts';

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Where two values differ: the longest paths at which they do. Lists of different lengths differ as a whole. */
export function* differences(a: unknown, b: unknown, above: Path = []): Generator<Path> {
  if (Object.is(a, b)) return;
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) {
    for (const [index, element] of a.entries()) yield* differences(element, b[index], [...above, index]);
  } else if (isMap(a) && isMap(b)) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)]))
      yield* differences(a[key], b[key], [...above, key]);
  } else yield above;
}
