import { failoverProfiles } from '../simulator/failover-models.ts';
import { createSimulatorServer } from '../simulator/server.ts';
import { parse, wholeNumber } from './arguments.ts';
import { Exit, type Verb } from './verb.ts';

const usage = `llm-bridge simulate [options]

Serves simulated models over HTTP as OpenAI's API: POST /v1/chat/completions, GET /v1/models, GET /health.
A caller asks for latency, length or faults by the model's name: "sim:ttft=1s,tps=50,fault=429". docs/simulator.md lists
what there is. GET /ledger tells what was asked, POST /reset forgets it.

      --host HOST           the address to listen on (127.0.0.1)
  -p, --port PORT           the port; 0 for any free one (8090)
  -m, --model NAME          a further model that answers as sim does; may be given more than once
      --any-model           answer under every name
      --fast                shorten the delays of the failover models`;

/** Resolves when the process is told to stop. */
const stopped = () =>
  new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });

export const simulate: Verb = {
  usage,
  async run(args) {
    const { values } = parse({
      args: [...args],
      options: {
        host: { type: 'string' },
        port: { type: 'string', short: 'p' },
        model: { type: 'string', short: 'm', multiple: true },
        'any-model': { type: 'boolean' },
        fast: { type: 'boolean' },
      },
    });
    const host = values.host ?? '127.0.0.1';
    const server = await createSimulatorServer({
      host,
      port: wholeNumber('port', values.port) ?? 8090,
      models: values['any-model'] ? 'any' : (values.model ?? []),
      failover: failoverProfiles[values.fast ? 'fast' : 'full'],
    });
    process.stdout.write(`simulated models on http://${host.includes(':') ? `[${host}]` : host}:${server.port}/v1\n`);
    await stopped();
    await server.close();
    return Exit.OK;
  },
};
