import { Exit, type Verb } from './verb.ts';

const overview = `llm-bridge: a gRPC-first gateway to language models

  llm-bridge [serve] [--config FILE]     serve the gateway
  llm-bridge check-config [--config FILE]  say what a configuration means, or all that is wrong with it
  llm-bridge call [options] PROMPT       chat from the terminal, over gRPC
  llm-bridge health [options]            ask a gateway whether it is ready
  llm-bridge simulate [options]          serve simulated models in a provider's own dialect
  llm-bridge keygen [options]            make an API key for a caller, or a secret for sealing
  llm-bridge audit verify FILE...        whether audit logs are as the gateway wrote them
  llm-bridge limits show|reset USER      where a user stands, or a fresh start for one
  llm-bridge version                     print the version
  llm-bridge help [VERB]                 print this, or a verb's options

Exit codes: 0 done, 1 failed, 64 bad command line, 66 unreadable input, 69 no gateway there, 78 bad configuration, 130 interrupted.`;

export const help: Verb = {
  usage: overview,
  async run() {
    process.stdout.write(`${overview}\n`);
    return Exit.OK;
  },
};
