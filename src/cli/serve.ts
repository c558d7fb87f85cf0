import { createGateway, type Gateway } from '../app.ts';
import { type ChosenConfig, chooseConfig } from '../config/choose.ts';
import { readEnvironment } from '../config/environment.ts';
import { providerTypes } from '../providers/index.ts';
import { parse } from './arguments.ts';
import { Exit, type Verb } from './verb.ts';

const usage = `llm-bridge [serve] [--config FILE]

Serves the gateway until SIGTERM or SIGINT: calls in flight may finish then, a second signal ends it at once.
Without --config (or LLMBRIDGE_CONFIG) it takes configs/config.yaml, or, while no provider key is set,
configs/demo.yaml, whose answers are simulated.

  -c, --config FILE    the configuration`;

/** Grace for what should have ended with the drain before the process ends regardless. */
const lingerMs = 1_000;

/** Why the port can't be had, for people; undefined for any other error. */
function portProblem(error: unknown, { config: { server } }: ChosenConfig): string | undefined {
  const address = `${server.host}:${server.port}`;
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return `${address} is in use by another process; server.port (LLMBRIDGE_SERVER__PORT) takes another one`;
    case 'EACCES':
      return `${address} needs rights that this user lacks; ports from 1024 on are free to all`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${server.host} is no address of this machine; see server.host`;
    default:
      return undefined;
  }
}

/** Resolves with the name of the first signal to stop; the second ends the process. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let signalled = false;
    const onSignal = (signal: NodeJS.Signals) => {
      if (signalled) process.exit(Exit.FAILED);
      signalled = true;
      resolve(signal);
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  });
}

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
      const problem = portProblem(error, chosen);
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

    await gateway.drain(await stopped);
    setTimeout(() => process.exit(Exit.OK), lingerMs).unref();
    return Exit.OK;
  },
};
