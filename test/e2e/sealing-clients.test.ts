import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { create, type Message } from '@bufbuild/protobuf';
import { ConnectError, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { credentials, Metadata, makeClientConstructor, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sealingInterceptor } from '../../clients/typescript/connect.ts';
import { sealingInterceptor as grpcSealingInterceptor } from '../../clients/typescript/grpc.ts';
import { Sealer } from '../../clients/typescript/sealing.ts';
import { ChatService } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import type { SealedPayload } from '../../gen/es/llmbridge/v1/sealed_pb.ts';
import { askSealedIn, openPage } from '../clients/browser.ts';
import { sealingClients } from '../clients/sealing.ts';
import { type GatewayProcess, spawnGateway } from '../support/gateway.ts';
import { root, suite } from '../support/parts.ts';
import { hastyServer, type Tampering, tamperingProxy } from '../support/tampering-proxy.ts';

// The clients of clients/, each by its example, against a gateway that takes sealed calls only.

const secret = randomBytes(32);
const key = 'llmb-sealing-clients';
const config = `
providers: { sim: { type: simulator, models: [sim] } }
security:
  api_keys: [{ name: laptop, user: alice, sha256: ${createHash('sha256').update(key).digest('hex')} }]
  sealing: { mode: required, padding: pow2, keys: [{ id: k1, secret: "${secret.toString('base64')}", user: alice }] }
`;
const model = 'sim/sim:tokens=12';
const question = 'Hello from 東京';
const identity = {
  SEALING_KEY_ID: 'k1',
  SEALING_SECRET: secret.toString('base64'),
  SEALING_USER: 'alice',
  API_KEY: key,
};

const flipped = (message: SealedPayload): SealedPayload => ({
  ...message,
  ciphertext: message.ciphertext.map((byte, i) => (i === 0 ? byte ^ 1 : byte)),
});
const flip: Tampering = (messages) => messages.map((each, i) => (i === messages.length - 1 ? flipped(each) : each));
const forge: Tampering = (messages) => messages.map(() => undefined);
const cut: Tampering = (messages) => messages.slice(0, -1);
const swap: Tampering = ([first, second, third, ...rest]) =>
  [first, third, second, ...rest].filter((each) => each !== undefined);
const double: Tampering = ([first, second, ...rest]) =>
  [first, second, second, ...rest].filter((each) => each !== undefined);

/** What is done to the replies, and of which surfaces the programs are asked; all that can be done is in the vectors. */
const tamperings: readonly (readonly [string, Tampering, readonly string[]])[] = [
  ['a bit flipped', flip, ['grpc', 'http']],
  ['forged in the clear', forge, ['grpc-stream', 'http']],
  ['cut', cut, ['grpc-stream', 'http-stream']],
  ['reordered', swap, ['grpc-stream']],
  ['doubled', double, ['http-stream']],
];

let gateway: GatewayProcess;
beforeAll(async () => {
  gateway = await spawnGateway(config);
});
afterAll(async () => {
  await gateway.stop();
});

for (const { name, needs, surfaces, build, checkVectors, example } of sealingClients) {
  suite(name, needs, () => {
    beforeAll(build, 300_000);

    test('the vectors come out', () => checkVectors());

    test.each(surfaces.flatMap((surface) => [surface, `${surface}-stream`]))('%s', async (surface) => {
      const before = gateway.output().length;
      const { code, stdout, stderr } = await example([surface, gateway.url, model, question], identity);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/simulated answer/);
      const log = () => gateway.output().slice(before);
      await expect.poll(log).toMatch(/"user":"alice".*"sealed_by":"k1"|"sealed_by":"k1".*"user":"alice"/);
      expect(log()).not.toContain('東京');
    });

    test('as another user than the credential says, nothing opens', async () => {
      const [surface = ''] = surfaces;
      const told = await example([surface, gateway.url, model, question], { ...identity, SEALING_USER: 'bob' });
      expect(told).toMatchObject({ code: 1, stdout: expect.not.stringContaining('simulated') as string });
      expect(told.stderr).toContain('the sealed message is not valid');
    });

    if (surfaces.includes('grpc'))
      test('an answer in the clear that comes before the request is refused', async () => {
        const server = await hastyServer();
        try {
          for (const surface of ['grpc', 'grpc-stream']) {
            const { code, stdout } = await example([surface, server.url, model, question], identity);
            expect({ code, stdout }, surface).toMatchObject({ code: 1, stdout: expect.not.stringContaining('forged') });
          }
        } finally {
          server.close();
        }
      });

    test('what was done to a reply on its way is found', { timeout: 60_000 }, async () => {
      for (const [what, tampering, of] of tamperings) {
        const proxy = await tamperingProxy(gateway.url, tampering);
        try {
          const mine = of.filter((surface) => surfaces.some((each) => surface.split('-')[0] === each));
          const told = await Promise.all(
            mine.map((surface) => {
              const url = proxy.urls[surface.startsWith('grpc') ? 'grpc' : 'http'];
              return example([surface, url, model, question], identity);
            }),
          );
          for (const [i, { code, stdout, stderr }] of told.entries()) {
            const about = `${what}: ${mine[i]}: ${stderr}`;
            expect(code, about).toBe(1);
            expect(stdout, about).not.toContain('forged');
            expect(stderr, about).toMatch(/reply|message/);
          }
        } finally {
          await proxy.close();
        }
      }
    });
  });
}

test('what stands between and does nothing is not noticed', async () => {
  const proxy = await tamperingProxy(gateway.url, (messages) => messages);
  try {
    const [client] = sealingClients;
    for (const surface of ['grpc', 'grpc-stream', 'http', 'http-stream'] as const) {
      const url = proxy.urls[surface.startsWith('grpc') ? 'grpc' : 'http'];
      expect(await client?.example([surface, url, model, question], identity)).toMatchObject({ code: 0, stderr: '' });
    }
  } finally {
    await proxy.close();
  }
});

describe('the interceptor for connect', () => {
  const sealer = new Sealer({ keyId: 'k1', secret, user: 'alice', padded: true });
  type Build = (baseUrl: string, interceptors: Interceptor[]) => Transport;
  const transports: readonly (readonly [string, Build])[] = [
    ['gRPC-web by connect-web', (baseUrl, interceptors) => createGrpcWebTransport({ baseUrl, interceptors })],
    ['gRPC', (baseUrl, interceptors) => createGrpcTransport({ baseUrl, interceptors })],
    [
      'Connect JSON',
      (baseUrl, interceptors) =>
        createConnectTransport({ baseUrl, interceptors, httpVersion: '2', useBinaryFormat: false }),
    ],
  ];
  const headers = { 'x-api-key': key };
  const request = { model, messages: [{ role: Role.USER, content: question }] };

  /** Stands nearer to the wire than the sealing interceptor. */
  const tamper =
    (tampering: Tampering): Interceptor =>
    (next) =>
    async (call) => {
      const response = await next(call);
      const changed = (messages: readonly Message[]) =>
        tampering(messages.flatMap((message) => (message as { sealed?: SealedPayload }).sealed ?? [])).map((sealed) =>
          create(response.method.output, sealed === undefined ? {} : { sealed }),
        );
      if (!response.stream) return { ...response, message: changed([response.message])[0] ?? response.message };
      const { message: messages } = response;
      const message = async function* () {
        const all: Message[] = [];
        for await (const each of messages) all.push(each);
        yield* changed(all);
      };
      return { ...response, message: message() };
    };

  describe.each(transports)('%s', (_name, build) => {
    const ask = async (stream: boolean, ...more: Interceptor[]): Promise<string> => {
      const client = createClient(ChatService, build(gateway.url, [sealingInterceptor(sealer), ...more]));
      if (!stream) return (await client.chatCompletion(request, { headers })).choices[0]?.message?.content ?? '';
      let text = '';
      for await (const chunk of client.streamChatCompletion(request, { headers }))
        text += chunk.choices[0]?.delta?.content ?? '';
      return text;
    };

    test('whole and streamed', async () => {
      expect(await ask(false)).toContain('simulated answer');
      expect(await ask(true)).toContain('simulated answer');
    });

    test.each(tamperings)('%s: found', async (_what, tampering) => {
      const failure = await ask(true, tamper(tampering)).catch(ConnectError.from);
      expect(failure).toMatchObject({ rawMessage: expect.stringMatching(/reply|message/) as string });
    });

    test('a whole answer, forged or changed: found', async () => {
      for (const tampering of [flip, forge]) {
        const failure = await ask(false, tamper(tampering)).catch(ConnectError.from);
        expect(failure).toMatchObject({ rawMessage: expect.stringMatching(/reply|message/) as string });
      }
    });
  });
});

test('the interceptor for grpc-js takes definitions by @grpc/proto-loader too', async () => {
  const definition = loadSync('llmbridge/v1/chat_service.proto', {
    includeDirs: [join(root, 'proto'), join(root, 'node_modules/google-proto-files')],
    keepCase: true,
    defaults: true,
  });
  const service = definition['llmbridge.v1.ChatService'] as ServiceDefinition;
  const interceptors = [grpcSealingInterceptor(new Sealer({ keyId: 'k1', secret, user: 'alice' }), service)];
  const Chat = makeClientConstructor(service, 'ChatService');
  const client = new Chat(new URL(gateway.url).host, credentials.createInsecure(), { interceptors });
  const metadata = new Metadata();
  metadata.set('x-api-key', key);
  const asked = { model, messages: [{ role: 'ROLE_USER', content: question }] };
  try {
    const answer = await new Promise<Spoken>((resolve, reject) => {
      client['ChatCompletion']?.(asked, metadata, (error: Error | null, reply: Spoken) =>
        error === null ? resolve(reply) : reject(error),
      );
    });
    expect(answer.choices[0]?.message?.content).toContain('simulated answer');
    let text = '';
    const chunks: AsyncIterable<Spoken> = client['StreamChatCompletion']?.(asked, metadata);
    for await (const chunk of chunks) text += chunk.choices[0]?.delta?.content ?? '';
    expect(text).toContain('simulated answer');
  } finally {
    client.close();
  }
});

interface Spoken {
  readonly choices: readonly {
    readonly message?: { readonly content: string };
    readonly delta?: { readonly content: string };
  }[];
}

suite('in a browser', ['chromium'], () => {
  test('over gRPC-web, and as events', async () => {
    const open = `
server: { cors: { origins: ["*"] } }
providers: { sim: { type: simulator, models: [sim] } }
security: { sealing: { mode: required, keys: [{ id: k1, secret: "${secret.toString('base64')}" }] } }
`;
    const anonymous = await spawnGateway(open);
    const page = await openPage();
    try {
      const ask = (surface: 'grpc-web' | 'http') => askSealedIn(page, surface, anonymous.url, [...secret], model);
      expect(await ask('grpc-web')).toContain('simulated answer');
      expect(await ask('http')).toMatch(/^data: \{[\s\S]*\ndata: \[DONE\]\n\n$/);
    } finally {
      await page.close();
      await anonymous.stop();
    }
  });
});
