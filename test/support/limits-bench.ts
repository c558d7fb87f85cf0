import { createHash } from 'node:crypto';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { ChatCompletionRequest, ChatServiceClient } from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { Role } from '../../gen/ts-proto/llmbridge/v1/content.ts';
import { createSimulatorServer, type SimulatorServer } from '../../src/simulator/server.ts';
import { detailsOf } from '../clients/grpc-status.ts';
import { startGateway, type TestGateway } from './gateway.ts';

/** What came of a call, whichever way it was made. */
export interface Told {
  readonly ok: boolean;
  /** HTTP status, or gRPC's code. */
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  /** Reply headers, or the initial metadata. */
  readonly headers: Readonly<Record<string, string>>;
  /** `subject description` of each limit that refused it. */
  readonly quota: readonly string[];
  readonly retryMs: number | undefined;
}

export interface Asked {
  readonly model?: string;
  readonly maxTokens?: number;
  readonly stream?: boolean;
  /** Goes away after the first bytes of the answer. */
  readonly leave?: boolean;
  /** Whose key is presented; none for an anonymous call. */
  readonly user?: string;
}

export type Ask = (gateway: Pick<TestGateway, 'url' | 'port'>, asked?: Asked) => Promise<Told>;

const keyOf = (user: string) => `llmb-limits-${user}`;

/** The configuration's credentials for users, by the keys that `ask` presents. */
export const usersYaml = (...users: string[]): string =>
  `security: { anonymous: true, api_keys: [${users
    .map(
      (user) => `{ name: ${user}, user: ${user}, sha256: ${createHash('sha256').update(keyOf(user)).digest('hex')} }`,
    )
    .join(', ')}] }`;

export const bearerOf = (user: string) => `Bearer ${keyOf(user)}`;

const content = 'How many calls fit into a minute?';

export const overJson: Ask = async (
  { url },
  { model = 'up/sim', maxTokens, stream = false, leave = false, user } = {},
) => {
  const leaving = new AbortController();
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    signal: leaving.signal,
    headers: { 'content-type': 'application/json', ...(user && { authorization: bearerOf(user) }) },
    body: JSON.stringify({ model, stream, max_tokens: maxTokens, messages: [{ role: 'user', content }] }),
  });
  const headers = Object.fromEntries(response.headers);
  if (leave) {
    await response.body?.getReader().read();
    leaving.abort();
    return { ok: true, status: response.status, reason: '', message: '', headers, quota: [], retryMs: undefined };
  }
  const text = await response.text();
  const { error } = response.ok ? {} : (JSON.parse(text) as { error?: { code: string; message: string } });
  return {
    ok: response.ok,
    status: response.status,
    reason: error?.code ?? '',
    message: error?.message ?? '',
    headers,
    quota: [],
    retryMs: headers['retry-after-ms'] === undefined ? undefined : Number(headers['retry-after-ms']),
  };
};

/** One connection for each gateway, as callers of gRPC have. */
const clients = new Map<number, ChatServiceClient>();

/** Ends the connection to a gateway's port. */
export function closeGrpc(port: number): void {
  clients.get(port)?.close();
  clients.delete(port);
}

export const overGrpc: Ask = ({ port }, { model = 'up/sim', maxTokens, user, stream = false, leave = false } = {}) => {
  let client = clients.get(port);
  if (client === undefined) {
    client = new ChatServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
    clients.set(port, client);
  }
  const request = ChatCompletionRequest.fromPartial({
    model,
    ...(maxTokens !== undefined && { maxTokens }),
    messages: [{ role: Role.ROLE_USER, content }],
  });
  const metadata = new Metadata();
  if (user !== undefined) metadata.set('authorization', bearerOf(user));
  return new Promise((resolve) => {
    let headers: Record<string, string> = {};
    const onHeaders = (received: Metadata) => {
      headers = Object.fromEntries(Object.entries(received.getMap()).map(([name, value]) => [name, String(value)]));
    };
    const done = (error: ServiceError | null) => {
      const ok = error === null || leave;
      const { info, quota, retry } = error === null ? {} : detailsOf(error);
      const delay = retry?.retryDelay;
      resolve({
        ok,
        status: error?.code ?? 0,
        reason: info?.reason.toLowerCase() ?? '',
        message: error?.details ?? '',
        headers,
        quota: quota?.violations.map(({ subject, description }) => `${subject} ${description}`) ?? [],
        retryMs: delay && Number(delay.seconds) * 1_000 + delay.nanos / 1e6,
      });
    };
    if (!stream) {
      client.chatCompletion(request, metadata, done).on('metadata', onHeaders);
      return;
    }
    const answer = client.streamChatCompletion(request, metadata);
    answer.on('metadata', onHeaders);
    answer.on('data', () => void (leave && answer.cancel()));
    answer.on('error', (error: ServiceError) => done(error));
    answer.on('end', () => done(null));
  });
};

export interface LimitsBench {
  readonly gateways: readonly TestGateway[];
  readonly gateway: TestGateway;
  readonly simulator: SimulatorServer;
  stop(): Promise<void>;
}

/** Gateways with the same configuration before one simulator, which is their provider `up`; `more` are others. */
export async function openLimitsBench(yaml: string, instances = 1, more = ''): Promise<LimitsBench> {
  const simulator = await createSimulatorServer();
  const providers = `providers: { up: { type: openai-compatible, base_url: "http://127.0.0.1:${simulator.port}/v1" }, ${more} }`;
  const gateways: TestGateway[] = [];
  for (let i = 0; i < instances; i++) gateways.push(await startGateway(`${providers}\n${yaml}`));
  const [gateway] = gateways;
  if (gateway === undefined) throw new Error('no gateway');
  return {
    gateways,
    gateway,
    simulator,
    async stop() {
      for (const { port } of gateways) closeGrpc(port);
      for (const each of gateways) await each.stop();
      await simulator.close();
    },
  };
}
