import { createGateway, type Gateway } from '../app.ts';
import { chooseConfig } from '../config/choose.ts';
import { readEnvironment } from '../config/environment.ts';
import { providerTypes } from '../providers/index.ts';
import { parse } from './arguments.ts';
import { portProblem } from './port-problem.ts';
import { stopSignal } from './stop-signal.ts';
import { Exit, type Verb } from './verb.ts';

const usage = `llm-bridge [serve] [--config FILE]

Serves the gateway until SIGTERM or SIGINT: calls in flight may finish then, a second signal ends it at once.
Without --config (or LLMBRIDGE_CONFIG) it takes configs/config.yaml, or, while no provider key is set,
configs/demo.yaml, whose answers are simulated.

  -c, --config FILE    the configuration`;

/** How much longer than `server.drain_timeout` a drain may take, for farewells and sockets to close. */
const overdueMs = 5_000;

/** Grace for what should have ended with the drain before the process ends regardless. */
const lingerMs = 1_000;

export const serve: Verb = {
  usage,
  async run(args) {
    const { values } = parse({ args: [...args], options: { config: { type: 'string', short: 'c' } } });
    const chosen = chooseConfig(values.config, readEnvironment(process.cwd()), providerTypes);
    const stopped = stopSignal();
    let gateway: Gateway;
    try {
      gateway = await createGateway(chosen.config);
    } catch (error) {
      const { host, port } = chosen.config.server;
      const problem = portProblem(error, host, port, 'server.port (LLMBRIDGE_SERVER__PORT)');
      if (problem === undefined) throw error;
      process.stderr.write(`llm-bridge: ${problem}\n`);
      return Exit.FAILED;
    }
    const { events } = gateway;
    const fail = (thrown: unknown) => {
      events.failed(thrown);
      process.exit(Exit.FAILED);
    };
    process.on('uncaughtException', fail).on('unhandledRejection', fail);
    if (chosen.demo) events.configWarning(chosen.file, chosen.why);
    for (const { path, message } of chosen.warnings) events.configWarning(path, message);

    const signal = await stopped;
    // The drain's own timers keep no process alive; this one does, and ends what would hang.
    const overdue = setTimeout(() => process.exit(Exit.FAILED), chosen.config.server.drain_timeout + overdueMs);
    await gateway.drain(signal);
    clearTimeout(overdue);
    setTimeout(() => process.exit(Exit.OK), lingerMs).unref();
    return Exit.OK;
  },
};
