import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { envExample } from '../config/env-example.ts';
import { packageRoot, shippedConfigs } from '../config/package-root.ts';
import { providerTable } from '../config/provider-table.ts';
import { configReference as reference } from '../config/reference.ts';
import { providerTypes } from '../providers/index.ts';
import { parse } from './arguments.ts';
import { Exit, type Verb } from './verb.ts';

const usage = `llm-bridge config-reference [--env | --providers]

Prints docs/configuration.md as the schema has it; with --env, .env.example; with --providers,
docs/providers.md.`;

export const configReference: Verb = {
  usage,
  async run(args) {
    const { values } = parse({
      args: [...args],
      options: { env: { type: 'boolean' }, providers: { type: 'boolean' } },
    });
    if (values.providers === true) {
      process.stdout.write(providerTable(providerTypes));
      return Exit.OK;
    }
    const texts = shippedConfigs().map((file) => readFileSync(join(packageRoot(), file), 'utf8'));
    process.stdout.write(values.env === true ? envExample(providerTypes, texts) : reference(providerTypes));
    return Exit.OK;
  },
};
