import { readFileSync } from 'node:fs';
import { isLoopback } from '../interceptors/loopback.ts';
import { crossChecks } from './cross-checks.ts';
import { parseSource } from './document.ts';
import { type GatewayConfig, gatewaySchema } from './gateway-config.ts';
import { describeIssue, readable } from './issues.ts';
import { unheeded } from './not-yet.ts';
import { override, variableOf } from './overrides.ts';
import { ConfigError, type Path, type Problem, pathText } from './problem.ts';
import type { ConfigurableType, ProviderInstance } from './providers.ts';
import { valueAt } from './schema-path.ts';
import { type Environment, pathKey, substitute } from './substitute.ts';

/** A configuration, and what its author should know of it. */
export interface LoadedConfig {
  readonly config: GatewayConfig;
  /** The file it was read from. */
  readonly file: string;
  /** That one, and all that it names: mounted secrets, certificates. */
  readonly files: readonly string[];
  readonly warnings: readonly Warning[];
}

/** What is legal but not as it may seem: a setting without effect, a port that nobody may call. */
interface Warning {
  readonly path: string;
  readonly message: string;
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  }
  return value;
}

const isProviderKey = (path: Path) => path[0] === 'providers' && path[2] === 'api_keys';

/**
 * The type's usual variable stands in for keys that the file does not mention, but only towards the provider's own
 * address: a key must not reach another server because a variable happened to be set.
 */
function withUsualKeys(value: Record<string, unknown>, types: readonly ConfigurableType[], env: Environment): void {
  for (const instance of Object.values((value['providers'] as object | undefined) ?? {})) {
    const type = types.find((candidate) => candidate.type === valueAt(instance, ['type']));
    if (type?.keyVariable === undefined || valueAt(instance, ['api_keys']) !== undefined) continue;
    if (type.baseUrl === undefined || valueAt(instance, ['base_url']) !== undefined) continue;
    const key = env[type.keyVariable];
    if (key !== undefined && key !== '') (instance as Record<string, unknown>)['api_keys'] = [key];
  }
}

/** Why an instance can't be asked, with the variable to set. */
function keyMissing(
  name: string,
  instance: Pick<ProviderInstance, 'type' | 'api_keys' | 'options'>,
  types: readonly ConfigurableType[],
  names: ReadonlyMap<string, readonly string[]>,
  value: unknown,
): string | undefined {
  const type = types.find((candidate) => candidate.type === instance.type);
  if (type === undefined || !type.requiresKey || instance.api_keys.length > 0) return undefined;
  if (type.keyOptions?.some((option) => instance.options[option] !== undefined)) return undefined;
  const lacks = `provider ${name} has no API key: set`;
  const written = [...names].flatMap(([key, variables]) => {
    const path = JSON.parse(key) as Path;
    return isProviderKey(path) && path[1] === name ? variables : [];
  });
  if (written.length > 0) return `${lacks} ${written.join(' or ')}`;
  const override = variableOf(['providers', name, 'api_keys']);
  if (type.keyVariable === undefined) return `${lacks} ${override}`;
  const usual =
    valueAt(value, ['providers', name, 'base_url']) === undefined &&
    valueAt(value, ['providers', name, 'api_keys']) === undefined;
  return usual
    ? `${lacks} ${type.keyVariable}`
    : `${lacks} ${override}, or ${type.keyVariable} and api_keys: ["\${${type.keyVariable}:-}"] in the file`;
}

/** The files that secrets of a value are read from, `{ file: path }`. */
function* mounted(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value))
    if (key === 'file' && typeof inner === 'string') yield inner;
    else yield* mounted(inner);
}

function* warnings(config: GatewayConfig): Generator<Warning> {
  const { anonymous, api_keys: apiKeys, jwt, mtls } = config.security;
  const { host } = config.server;
  const hasCredentials =
    apiKeys.length > 0 || jwt.jwks_url !== undefined || jwt.issuer !== undefined || mtls.user_from !== undefined;
  const admitsAll = anonymous === true || (anonymous === 'auto' && isLoopback(host));
  if (!hasCredentials && !admitsAll) {
    const message = `nobody may call: it is ${anonymous}, the host is ${host}, and no credentials are configured`;
    yield { path: 'security.anonymous', message };
  }
  if (Object.values(config.providers).every((provider) => provider.disabled !== undefined))
    yield { path: 'providers', message: 'none can be asked: each of them lacks its key' };
}

/**
 * Reads, completes and checks a configuration file. Throws ConfigError with everything that is wrong with it.
 * `env` is the whole environment; `types` are the provider types there are.
 */
export function loadConfig(file: string, env: Environment, types: readonly ConfigurableType[]): LoadedConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const message = `cannot be read: ${(cause as NodeJS.ErrnoException).code ?? 'unknown error'}`;
    throw new ConfigError([{ where: file, path: [], message }]);
  }
  const source = parseSource(file, text);
  if (source.problems.length > 0) throw new ConfigError(source.problems);

  const schema = gatewaySchema(types);
  const substituted = substitute(source.value, schema, env, isProviderKey);
  const value = substituted.value as Record<string, unknown>;
  const overridden = override(schema, value, env);
  withUsualKeys(value, types, env);

  const problems: Problem[] = [...overridden.problems];
  const add = (path: Path, message: string, atKey = false) => {
    let variable: string | undefined;
    for (let length = path.length; length > 0 && variable === undefined; length--)
      variable = overridden.origins.get(pathKey(path.slice(0, length)));
    problems.push({ where: variable ?? source.locate(path, atKey), path, message });
  };
  // What the schema would say of a value that could not be read is of no use.
  const unread = new Set(substituted.problems.map(({ path }) => pathKey(path)));
  for (const { path, message } of substituted.problems) add(path, message);
  for (const { path, message } of crossChecks(value)) add(path, message);

  const parsed = schema.safeParse(value, { error: describeIssue });
  if (!parsed.success)
    for (const issue of parsed.error.issues)
      for (const { path, message, atKey } of readable(issue, schema, value))
        if (!unread.has(pathKey(path))) add(path, message, atKey);

  const idle = unheeded(value);
  for (const { path, message, refuse } of idle) if (refuse) add(path, message);
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems.sort(byPlace));

  const providers = Object.fromEntries(
    Object.entries(parsed.data.providers).map(([name, instance]) => [
      name,
      { name, ...instance, disabled: keyMissing(name, instance, types, substituted.names, value) },
    ]),
  );
  const config: GatewayConfig = freeze({ ...parsed.data, providers });
  const unused = idle.map(({ path, message }) => ({ path: pathText(path), message }));
  const { cert, key, client_ca } = config.server.tls;
  const named = [cert, key, client_ca].filter((path) => path !== undefined);
  return { config, file, files: [file, ...named, ...mounted(value)], warnings: [...unused, ...warnings(config)] };
}

const byPlace = (a: Problem, b: Problem) => a.where.localeCompare(b.where, 'en', { numeric: true });
