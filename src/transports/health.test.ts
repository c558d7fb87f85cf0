import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../gen/es/health/v1/health_pb.ts';
import { openPort, type Port } from '../../test/support/port.ts';
import { Fault } from '../kernel/fault.ts';

const service = 'llmbridge.v1.ChatService';
let port: Port;
beforeEach(async () => {
  const gate = { authenticate: () => Promise.reject(new Fault('CREDENTIAL_MISSING', 'no credential')) };
  port = await openPort([], {}, { gate });
});
afterEach(() => port.server.close());
const client = () => createClient(Health, createGrpcTransport({ baseUrl: port.url }));

it('checks the server and each service, without a credential', async () => {
  port.readiness.set(false, service);
  expect((await client().check({})).status).toBe(Status.SERVING);
  expect((await client().check({ service })).status).toBe(Status.NOT_SERVING);
});

it('does not find an unknown service', async () => {
  const error = await client()
    .check({ service: 'nope' })
    .catch((thrown: unknown) => ConnectError.from(thrown));
  expect(error).toMatchObject({ code: Code.NotFound });
});

it('lists all services', async () => {
  const { statuses } = await client().list({});
  expect(Object.keys(statuses).sort()).toEqual(['', service]);
});

it('watches: the state now, then each change; unknown services too', async () => {
  const abort = new AbortController();
  const seen: Status[] = [];
  const watching = (async () => {
    for await (const { status } of client().watch({ service }, { signal: abort.signal })) {
      seen.push(status);
      if (seen.length === 1) port.readiness.set(false);
      if (seen.length === 2) port.readiness.set(true);
      if (seen.length === 3) abort.abort();
    }
  })();
  await expect(watching).rejects.toThrow();
  expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING, Status.SERVING]);

  const unknown = new AbortController();
  for await (const { status } of client().watch({ service: 'nope' }, { signal: unknown.signal })) {
    expect(status).toBe(Status.SERVICE_UNKNOWN);
    break;
  }
});
