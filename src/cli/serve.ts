import { chooseConfig } from '../config/choose.ts';
import { readEnvironment } from '../config/environment.ts';
import { providerTypes } from '../providers/index.ts';
import { workerCount } from '../workers/count.ts';
import { joinPrimary } from '../workers/worker.ts';
import { parse } from './arguments.ts';
import type { Verb } from './verb.ts';

const usage = `llm-bridge [serve] [--config FILE]

Serves the gateway until SIGTERM or SIGINT: calls in flight may finish then, a second signal ends it at once.
Without --config (or LLMBRIDGE_CONFIG) it takes configs/config.yaml, or, while no provider key is set,
configs/demo.yaml, whose answers are simulated.

  -c, --config FILE    the configuration`;

export const serve: Verb = {
  usage,
  async run(args) {
    const { values } = parse({ args: [...args], options: { config: { type: 'string', short: 'c' } } });
    // Node would open a debugger's port, which any user of the machine could read all keys by.
    process.on('SIGUSR1', () => {});
    // Before anything may throw: a worker ends only once it has left.
    const primary = joinPrimary();
    try {
      const chosen = chooseConfig(values.config, readEnvironment(process.cwd()), providerTypes);
      const workers = workerCount(chosen.config.server.workers);
      // The primary process serves nothing, and is without what does.
      if (primary === undefined && workers > 1) {
        const { serveByWorkers } = await import('./serve-by-workers.ts');
        return await serveByWorkers(chosen, workers);
      }
      const { serveHere } = await import('./serve-here.ts');
      return await serveHere(chosen, primary);
    } finally {
      primary?.leave();
    }
  },
};
