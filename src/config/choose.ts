import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayConfig } from './gateway-config.ts';
import { type LoadedConfig, loadConfig } from './load.ts';
import { FILE_VARIABLE } from './overrides.ts';
import { packageRoot } from './package-root.ts';
import type { ConfigurableType } from './providers.ts';
import type { Environment } from './substitute.ts';

/** The configuration to serve, and why it is this one. */
export interface ChosenConfig extends LoadedConfig {
  readonly why: string;
  /** Whether this is the demonstration, for want of any provider key. */
  readonly demo: boolean;
}

/** A shipped file: the working directory's own copy comes first. */
function shipped(path: string): string {
  return existsSync(path) ? path : join(packageRoot(), path);
}

/** Whether a model, and not only a simulator, can be asked. */
function canAskModel(config: GatewayConfig, types: readonly ConfigurableType[]): boolean {
  const simulated = new Set(types.filter((type) => type.simulated).map((type) => type.type));
  return Object.values(config.providers).some(
    (provider) => provider.disabled === undefined && !simulated.has(provider.type),
  );
}

/**
 * Loads the file that was named (`--config`, else LLMBRIDGE_CONFIG), else `configs/config.yaml`; and where that has no
 * provider to ask because no key is set, `configs/demo.yaml`, whose answers are simulated. Throws ConfigError.
 */
export function chooseConfig(
  named: string | undefined,
  env: Environment,
  types: readonly ConfigurableType[],
): ChosenConfig {
  const fromEnvironment = env[FILE_VARIABLE] === '' ? undefined : env[FILE_VARIABLE];
  const file = named ?? fromEnvironment;
  if (file !== undefined)
    return { ...loadConfig(file, env, types), why: named === undefined ? FILE_VARIABLE : '--config', demo: false };
  const usual = loadConfig(shipped(join('configs', 'config.yaml')), env, types);
  if (canAskModel(usual.config, types)) return { ...usual, why: 'the default', demo: false };
  const demo = loadConfig(shipped(join('configs', 'demo.yaml')), env, types);
  return { ...demo, why: `no provider of ${usual.file} has a key: answers are simulated`, demo: true };
}
