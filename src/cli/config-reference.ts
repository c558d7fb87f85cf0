import { configReference as reference } from '../config/reference.ts';
import { providerTypes } from '../providers/index.ts';
import { Exit, type Verb } from './verb.ts';

export const configReference: Verb = {
  usage: 'llm-bridge config-reference\n\nPrints docs/configuration.md, as the schema has it.',
  async run() {
    process.stdout.write(reference(providerTypes));
    return Exit.OK;
  },
};
