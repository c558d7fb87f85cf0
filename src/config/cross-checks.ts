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

/** Ways to prove who calls that would prove nothing, for want of their other half. */
function* identityChecks(value: unknown): Generator<Finding> {
  const jwt = ['security', 'jwt'];
  const isSet = (path: Path) => valueAt(value, path) !== undefined;
  const needsKeys = ['issuer', 'audience', 'models_claim', 'groups_claim'].find((key) => isSet([...jwt, key]));
  if (needsKeys !== undefined && !isSet([...jwt, 'jwks_url']))
    yield { path: [...jwt, needsKeys], message: 'tokens are checked only where jwks_url says where the keys are' };
  const groups = Object.keys((valueAt(value, ['security', 'groups']) as object | undefined) ?? {});
  const keys = list(value, ['security', 'api_keys']);
  if (
    groups.length > 0 &&
    !isSet([...jwt, 'groups_claim']) &&
    keys.every((key) => valueAt(key, ['groups']) === undefined)
  )
    yield {
      path: ['security', 'groups'],
      message: 'nobody is in a group: set jwt.groups_claim, or groups of an API key',
    };
  if (groups.length > 0)
    for (const [index, key] of keys.entries())
      for (const [place, name] of list(key, ['groups']).entries())
        if (typeof name === 'string' && !groups.includes(name))
          yield {
            path: ['security', 'api_keys', index, 'groups', place],
            message: `there is no group ${JSON.stringify(name)}${didYouMean(name, groups)}`,
          };
  const certificates = ['server', 'tls', 'client_ca'];
  const userFrom = ['security', 'mtls', 'user_from'];
  if (isSet(userFrom) && !isSet(certificates))
    yield { path: userFrom, message: 'client certificates are asked for only where server.tls.client_ca is set' };
  if (isSet(certificates) && !isSet(userFrom))
    yield { path: certificates, message: 'certificates would prove nobody: set security.mtls.user_from' };
}

/** Whether the group `redis` says where it is. */
const namesRedis = (value: unknown): boolean =>
  ['url', 'cluster', 'sentinel'].some((way) => valueAt(value, ['redis', way]) !== undefined);

/** Calls that several instances would each take once. */
function* replayChecks(value: unknown, which: 'sealed' | 'signed'): Generator<Finding> {
  if (namesRedis(value) && valueAt(value, ['rate_limit', 'store']) === 'memory')
    yield {
      path: ['rate_limit', 'store'],
      message: `${which} calls are remembered where limits are: in memory, each of several instances would take a replay once`,
    };
}

/** Sealed calls that nobody could send, or that several instances would each take once. */
function* sealingChecks(value: unknown): Generator<Finding> {
  const sealing = ['security', 'sealing'];
  const keys = list(value, [...sealing, 'keys']);
  if (valueAt(value, [...sealing, 'mode']) === 'required' && keys.length === 0)
    yield { path: [...sealing, 'mode'], message: 'sealed calls are required, but there are no keys to open them' };
  for (const [index, key] of list(value, ['security', 'api_keys']).entries()) {
    const opens = keys.length > 0 && valueAt(value, [...sealing, 'mode']) !== 'off';
    if (valueAt(key, ['must_seal']) === true && !opens)
      yield { path: ['security', 'api_keys', index, 'must_seal'], message: 'security.sealing opens no sealed calls' };
  }
  if (keys.length > 0) yield* replayChecks(value, 'sealed');
}

/** Signatures that nobody could make, or that several instances would each take once. */
function* signingChecks(value: unknown): Generator<Finding> {
  const signing = ['security', 'request_signing'];
  const keys = list(value, [...signing, 'keys']);
  if (valueAt(value, [...signing, 'mode']) === 'required' && keys.length === 0)
    yield { path: [...signing, 'mode'], message: 'signatures are required, but there are no keys to verify them by' };
  if (keys.length > 0) yield* replayChecks(value, 'signed');
}

/** Records that nobody could verify, or that several processes would tear apart. */
function* auditChecks(value: unknown): Generator<Finding> {
  const audit = ['monitoring', 'audit'];
  const at = (key: string) => valueAt(value, [...audit, key]);
  if (at('file') !== undefined && at('key') === undefined)
    yield { path: [...audit, 'file'], message: 'records are chained with a key: set monitoring.audit.key' };
  if (at('key') !== undefined && at('file') === undefined)
    yield { path: [...audit, 'key'], message: 'nothing is recorded: set monitoring.audit.file' };
  const workers = valueAt(value, ['server', 'workers']);
  const several = workers !== undefined && String(workers) !== '1';
  if (several && typeof at('file') === 'string' && !String(at('file')).includes('{worker}'))
    yield { path: [...audit, 'file'], message: 'each worker process needs a file of its own: put {worker} in it' };
}

/** Limits that would not hold. */
function* limitChecks(value: unknown): Generator<Finding> {
  const limits = ['rate_limit'];
  const keysAt = (...path: string[]) => Object.keys((valueAt(value, path) as object | undefined) ?? {});
  const users = keysAt(...limits, 'user', 'overrides').map((user) => [...limits, 'user', 'overrides', user]);
  const tiers = [...['global', 'user', 'ip'].map((tier) => [...limits, tier]), ...users];
  const models = [limits, ...users].flatMap((path) =>
    keysAt(...path, 'models').map((model) => [...path, 'models', model]),
  );
  for (const path of [...tiers, ...models]) {
    const isSet = (key: string) => valueAt(value, [...path, key]) !== undefined;
    const inherits = users.includes(path) && valueAt(value, [...limits, 'user', 'requests']) !== undefined;
    if (isSet('burst') && !isSet('requests') && !inherits)
      yield { path: [...path, 'burst'], message: 'a burst is of requests, and no requests are set' };
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
  yield* duplicates(value, ['security', 'request_signing', 'keys'], 'id');
  yield* identityChecks(value);
  yield* sealingChecks(value);
  yield* signingChecks(value);
  yield* auditChecks(value);
  yield* limitChecks(value);
  if (valueAt(value, ['rate_limit', 'store']) === 'redis' && !namesRedis(value))
    yield { path: ['rate_limit', 'store'], message: 'redis is asked for, but the group redis names none' };
  if (valueAt(value, ['cache', 'store']) === 'redis' && !namesRedis(value))
    yield { path: ['cache', 'store'], message: 'redis is asked for, but the group redis names none' };
}
