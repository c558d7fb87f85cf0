import { failoverProfiles } from '../simulator/failover-models.ts';
import { createSimulatorServer, type SimulatorServer } from '../simulator/server.ts';
import { parse, wholeNumber } from './arguments.ts';
import { portProblem } from './port-problem.ts';
import { stopSignal } from './stop-signal.ts';
import { Exit, UsageError, type Verb } from './verb.ts';

const usage = `llm-bridge simulate [options]

Serves simulated models over HTTP until SIGTERM or SIGINT, in the dialects of OpenAI (chat completions and responses),
Anthropic, Gemini and Vertex AI, Bedrock, Cohere and Ollama; any key is accepted.
Knobs follow the model's name: sim:ttft=1s,tps=50,tokens=200,fault=429,cut=10,stall=5.
GET /ledger lists the requests that came, POST /reset forgets them.

      --host HOST     the address to listen on (127.0.0.1)
  -p, --port PORT     the port (8090); 0 takes a free one
  -m, --model NAME    another model that answers as sim does; may be repeated
      --any-model     every model answers as sim does
      --fast          scale the failover models' times down, for tests`;

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
    const port = wholeNumber('port', values.port) ?? 8090;
    if (port > 65_535) throw new UsageError('--port must be at most 65535');
    const stopped = stopSignal();
    let server: SimulatorServer;
    try {
      server = await createSimulatorServer({
        host,
        port,
        models: values['any-model'] === true ? 'any' : (values.model ?? []),
        failover: values.fast === true ? failoverProfiles.fast : failoverProfiles.full,
      });
    } catch (error) {
      const problem = portProblem(error, host, port, '--port');
      if (problem === undefined) throw error;
      process.stderr.write(`llm-bridge: ${problem}\n`);
      return Exit.FAILED;
    }
    process.stdout.write(`simulator: http://${host.includes(':') ? `[${host}]` : host}:${server.port}/v1\n`);
    await stopped;
    await server.close();
    return Exit.OK;
  },
};
