import { version as number } from '../version.ts';
import { Exit, type Verb } from './verb.ts';

export const version: Verb = {
  usage: 'llm-bridge version\n\nPrints the version of llm-bridge and of the Node.js it runs on.',
  async run() {
    process.stdout.write(`llm-bridge ${number} (Node.js ${process.versions.node})\n`);
    return Exit.OK;
  },
};
