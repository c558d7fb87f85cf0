import { type ChosenConfig, chooseConfig } from '../config/choose.ts';
import { readEnvironment } from '../config/environment.ts';
import { providerTypes } from '../providers/index.ts';
import { parse } from './arguments.ts';
import { Exit, type Verb } from './verb.ts';

const usage = `llm-bridge check-config [--config FILE]

Reads the configuration as serve would, with the environment and .env, and prints what it comes to.
Everything that is wrong with it is printed at once, with file, line and column; the exit code is 78 then.`;

function* table(rows: readonly (readonly string[])[]): Generator<string> {
  const widths = rows.reduce<number[]>((all, row) => row.map((cell, i) => Math.max(all[i] ?? 0, cell.length)), []);
  for (const row of rows) yield `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd();
}

/** What a configuration comes to, in words, without its secrets. */
export function* summary({ config, file, why, warnings }: ChosenConfig): Generator<string> {
  const { server, providers, models } = config;
  yield `${file}: OK (${why})`;
  const { host, port, tls } = server;
  yield `address: ${host.includes(':') ? `[${host}]` : host}:${port}, ${tls.cert === undefined ? 'cleartext' : 'TLS'}`;
  yield `anonymous callers: ${config.security.anonymous}`;
  yield 'providers:';
  const simulated = new Set(providerTypes.filter((type) => type.simulated).map((type) => type.type));
  yield* table(
    Object.values(providers).map(({ name, type, disabled, api_keys: keys }) => {
      const state = simulated.has(type) ? 'simulated' : keys.length > 1 ? `${keys.length} keys` : 'ready';
      return [name, type, disabled === undefined ? state : `disabled: ${disabled}`];
    }),
  );
  yield models.length === 0 ? 'routes: none' : 'routes:';
  yield* table(
    models.map(({ name, policy, targets }) => [
      name,
      policy.join(', '),
      targets
        .map(({ provider, model, weight, priority }) => {
          const off = providers[provider]?.disabled === undefined ? '' : ' (disabled)';
          return `${provider}/${model} weight ${weight}${priority === 1 ? '' : ` tier ${priority}`}${off}`;
        })
        .join(', '),
    ]),
  );
  for (const warning of warnings) yield `warning: ${warning.path}: ${warning.message}`;
}

export const checkConfig: Verb = {
  usage,
  async run(args) {
    const { values } = parse({ args: [...args], options: { config: { type: 'string', short: 'c' } } });
    const chosen = chooseConfig(values.config, readEnvironment(process.cwd()), providerTypes);
    process.stdout.write(`${[...summary(chosen)].join('\n')}\n`);
    return Exit.OK;
  },
};
