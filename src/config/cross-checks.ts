import type { Path } from './problem.ts';
import { valueAt } from './schema-path.ts';
import { didYouMean } from './suggest.ts';

interface Finding {
  readonly path: Path;
  readonly message: string;
}

const list = (value: unknown, path: Path): readonly unknown[] => {
  const found = valueAt(value, path);
  return Array.isArray(found) ? found : [];
};

function* duplicates(value: unknown, path: Path, key: string): Generator<Finding> {
  const seen = new Set<unknown>();
  for (const [index, element] of list(value, path).entries()) {
    const name = valueAt(element, [key]);
    if (name === undefined) continue;
    if (seen.has(name)) yield { path: [...path, index, key], message: `${JSON.stringify(name)} is there already` };
    seen.add(name);
  }
}

/**
 * What no single value's schema can see: names given twice, and routes to providers that are not there. It reads the
 * value before its schema does, so that one error does not hide another; wrong shapes are left to the schema.
 */
export function* crossChecks(value: unknown): Generator<Finding> {
  const providers = Object.keys((valueAt(value, ['providers']) as object | undefined) ?? {});
  for (const [index, route] of list(value, ['models']).entries()) {
    for (const [target] of list(route, ['targets']).entries()) {
      const path = ['models', index, 'targets', target, 'provider'];
      const name = valueAt(value, path);
      if (typeof name === 'string' && !providers.includes(name))
        yield { path, message: `there is no provider ${JSON.stringify(name)}${didYouMean(name, providers)}` };
    }
  }
  yield* duplicates(value, ['models'], 'name');
  yield* duplicates(value, ['security', 'api_keys'], 'name');
  yield* duplicates(value, ['security', 'api_keys'], 'sha256');
  yield* duplicates(value, ['security', 'sealing', 'keys'], 'id');
  if (valueAt(value, ['rate_limit', 'store']) === 'redis' && valueAt(value, ['redis']) === undefined)
    yield { path: ['rate_limit', 'store'], message: 'redis is asked for, but the group redis is not set' };
  if (valueAt(value, ['cache', 'store']) === 'redis' && valueAt(value, ['redis']) === undefined)
    yield { path: ['cache', 'store'], message: 'redis is asked for, but the group redis is not set' };
}
