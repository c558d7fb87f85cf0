import {
  HealthClient,
  HealthCheckResponse_ServingStatus as ServingStatus,
  healthCheckResponse_ServingStatusToJSON as statusName,
} from '../../gen/ts-proto/health/v1/health.ts';
import { chooseConfig } from '../config/choose.ts';
import { readEnvironment } from '../config/environment.ts';
import { providerTypes } from '../providers/index.ts';
import { number, parse } from './arguments.ts';
import {
  type Channel,
  channelOptions,
  channelTo,
  channelToSelf,
  channelUsage,
  describeError,
  exitCodeOf,
  metadataOf,
} from './channel.ts';
import { plain } from './terminal-text.ts';
import { Exit, type Verb } from './verb.ts';

const usage = `llm-bridge health [options]

Asks grpc.health.v1 whether a gateway serves; exit code 0 if it does, 1 if not, and 69 where
there is none.
Without --address it asks the one that serve would start with the same configuration on this machine.

${channelUsage}
      --service NAME        one service's health rather than the whole gateway's
  -c, --config FILE         the configuration to find the address in`;

/** Where this machine's own gateway listens. */
function ownGateway(file: string | undefined): Channel {
  const { host, port, tls } = chooseConfig(file, readEnvironment(process.cwd()), providerTypes).config.server;
  const local = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[host] ?? (host.includes(':') ? `[${host}]` : host);
  return channelToSelf(`${local}:${port}`, tls.cert !== undefined);
}

export const health: Verb = {
  usage,
  async run(args) {
    const { values } = parse({
      args: [...args],
      options: { ...channelOptions, service: { type: 'string' }, config: { type: 'string', short: 'c' } },
    });
    const deadline = Date.now() + (number('timeout', values.timeout) ?? 3) * 1000;
    const { address, credentials, options } =
      values.address === undefined ? ownGateway(values.config) : channelTo(values.address, values.tls, values.ca);
    const client = new HealthClient(address, credentials, options);
    const metadata = metadataOf(values.header ?? []);
    return new Promise((resolve) => {
      client.check({ service: values.service ?? '' }, metadata, { deadline }, (error, response) => {
        client.close();
        if (error !== null) {
          process.stderr.write(`${address}: ${plain(process.stderr, describeError(error))}\n`);
          return resolve(exitCodeOf(error));
        }
        process.stdout.write(`${address}: ${statusName(response.status)}\n`);
        resolve(response.status === ServingStatus.SERVING ? Exit.OK : Exit.FAILED);
      });
    });
  },
};
