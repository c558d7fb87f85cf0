/** The program that the suite starts: reads from stdin what to listen with, tells on stdout where it listens. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { systemClock } from '../../src/kernel/clock.ts';
import { Readiness } from '../../src/kernel/readiness.ts';
import { defaultServerOptions, type ServerOptions } from '../../src/transports/parts.ts';
import { createServer } from '../../src/transports/server.ts';
import { conformanceRegistry, messageOf } from './descriptors.ts';
import { conformanceRpcs, suiteStatus } from './rpcs.ts';
import { mountConformance } from './service.ts';

/** The suite's ServerCompatRequest, as far as it concerns us. */
interface CompatRequest {
  readonly useTls: boolean;
  readonly clientTlsCert: Uint8Array;
  readonly messageReceiveLimit: number;
  readonly serverCreds?: { readonly cert: Uint8Array; readonly key: Uint8Array };
}

const registry = conformanceRegistry();
const request = fromBinary(messageOf(registry, 'ServerCompatRequest'), await readFrame()) as unknown as CompatRequest;
const server = await createServer(
  {
    rpcs: conformanceRpcs(registry),
    gate: { authenticate() {} },
    observer: { begin() {}, end() {} },
    clock: systemClock,
    readiness: new Readiness([]),
    statusOf: suiteStatus,
  },
  optionsFor(request),
  [mountConformance(registry)],
);
process.once('SIGTERM', () => void server.close().then(() => process.exit(0)));

const responseDesc = messageOf(registry, 'ServerCompatResponse');
const response = {
  host: '127.0.0.1',
  port: server.port,
  pemCert: request.useTls ? request.serverCreds?.cert : undefined,
};
const bytes = toBinary(responseDesc, create(responseDesc, response));
const length = Buffer.alloc(4);
length.writeUInt32BE(bytes.length);
process.stdout.write(Buffer.concat([length, bytes]));

function optionsFor({ useTls, clientTlsCert, messageReceiveLimit, serverCreds }: CompatRequest): ServerOptions {
  const options = {
    ...defaultServerOptions,
    port: 0,
    lanes: process.env['LANES'] !== 'off',
    maxRequestBytes: messageReceiveLimit || defaultServerOptions.maxRequestBytes,
  };
  if (!useTls || serverCreds === undefined) return options;
  const clientCa =
    clientTlsCert.length === 0 ? {} : { clientCa: Buffer.from(clientTlsCert), requireClientCertificate: true };
  return { ...options, tls: { cert: Buffer.from(serverCreds.cert), key: Buffer.from(serverCreds.key), ...clientCa } };
}

/** One message, its length before it. */
async function readFrame(): Promise<Uint8Array> {
  let seen = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    seen = Buffer.concat([seen, chunk as Buffer]);
    if (seen.length >= 4 && seen.length >= 4 + seen.readUInt32BE()) return seen.subarray(4, 4 + seen.readUInt32BE());
  }
  throw new Error('no request on stdin');
}
