/**
 * CPU microseconds of the chat path behind the response cache, and without it: a call that is answered from memory, one of
 * a route whose answers are not kept, and the same with no cache at all, against a provider in the same process that
 * answers at once; and one that is answered from Redis, 64 in flight. All in turn, so that a drift of the machine hits all
 * alike; medians of all rounds.
 *
 *   node bench/cache.ts
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { ChatCompletionRequestSchema } from '../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../gen/es/llmbridge/v1/content_pb.ts';
import { Balancer } from '../src/balancer/balancer.ts';
import { balancerSettings } from '../src/balancer-settings.ts';
import { createCache } from '../src/chat/cache/cache.ts';
import { createChat } from '../src/chat/chat.ts';
import { loadConfig } from '../src/config/load.ts';
import { intercept } from '../src/interceptors/pipeline.ts';
import { Call, type Headers } from '../src/kernel/call.ts';
import { systemClock } from '../src/kernel/clock.ts';
import type { Provider } from '../src/kernel/provider.ts';
import { noCacheEvents, type ResponseStore } from '../src/kernel/response-cache.ts';
import type { HttpRequest, ResponseHandler } from '../src/kernel/upstream.ts';
import { providerTypes } from '../src/providers/index.ts';
import { MemoryResponseStore } from '../src/stores/memory/response-store.ts';
import { connectRedis } from '../src/stores/redis/connection.ts';
import { RedisResponseStore } from '../src/stores/redis/response-store.ts';
import { startRedis } from '../src/stores/testing/redis-server.ts';

const WARM_UP = 2;
const ROUNDS = 11;
const CALLS = 10_000;

const said = 'A short answer, as most are. '.repeat(10);
const answer = Buffer.from(
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: said }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 12, completion_tokens: 70, total_tokens: 82 },
  }),
);
const chunk = (delta: object, finish: string | null) =>
  `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const stream = Buffer.from(
  `${chunk({ role: 'assistant', content: '' }, null)}${chunk({ content: said }, null)}${chunk({}, 'stop')}data: [DONE]\n\n`,
);

const folder = mkdtempSync(join(tmpdir(), 'llm-bridge-bench-'));
const file = join(folder, 'config.yaml');
writeFileSync(file, 'providers: { up: { type: openai-compatible, base_url: "http://127.0.0.1:9/v1" } }\n');
const { config } = loadConfig(file, {}, providerTypes);
rmSync(folder, { recursive: true });

const type = providerTypes.find((each) => each.type === 'openai-compatible');
if (type === undefined) throw new Error('no such provider type');
const upstream = {
  send(request: HttpRequest, handler: ResponseHandler) {
    const streamed = String(request.body).includes('"stream":true');
    queueMicrotask(() => {
      handler.head(200, { 'content-type': streamed ? 'text/event-stream' : 'application/json' });
      handler.data(streamed ? stream : answer);
      handler.end();
    });
    return { cancel() {}, pause() {}, resume() {} };
  },
  close: async () => {},
};
const provider: Provider = {
  name: 'up',
  type,
  adapter: type.adapter({ name: 'up', basePath: '/v1', headers: {}, options: {} }),
  upstream,
  keys: ['k'],
  disabled: undefined,
  models: [],
};
const targets = [{ provider, model: 'm', weight: 1, priority: 1 }];
const routes = new Map(['kept', 'plain'].map((name) => [name, { name, policy: ['weighted'], targets }]));
const catalog = () => ({ providers: new Map([['up', provider]]), routes });
const balancer = new Balancer({ clock: systemClock, settings: balancerSettings(config) });
const chat = createChat({ catalog, balancer });
const policy = { ttlMs: 3_600_000, maxTemperature: 0, when: 'always' as const };
const behind = (store: ResponseStore) =>
  intercept(chat, [
    createCache({
      catalog,
      store,
      routes: new Map([
        ['kept', policy],
        ['plain', undefined],
      ]),
      direct: undefined,
      replay: { chunk: 100, paceMs: 0 },
      maxEntryBytes: 2 ** 20,
      clock: systemClock,
      events: noCacheEvents,
    }),
  ]);
const cached = behind(new MemoryResponseStore({ maxBytes: 64 * 2 ** 20, clock: systemClock, events: noCacheEvents }));

const server = await startRedis();
const ready = Promise.withResolvers<void>();
const redis = connectRedis({ url: server.url, failed: ready.reject, ready: () => ready.resolve() });
await ready.promise;
const inRedis = behind(
  new RedisResponseStore({
    redis,
    prefix: 'bench:',
    timeoutMs: 1_000,
    leaseMs: 10_000,
    clock: systemClock,
    events: noCacheEvents,
  }),
);

const paths = ['/llmbridge.v1.ChatService/ChatCompletion', '/llmbridge.v1.ChatService/StreamChatCompletion'] as const;
const history = Array.from({ length: 40 }, (_, i) => ({
  role: i % 2 ? Role.ASSISTANT : Role.USER,
  content: 'x'.repeat(1_000),
}));

interface Course {
  readonly name: string;
  readonly rpcs: typeof chat;
  readonly streamed: boolean;
  readonly request: ReturnType<typeof requestOf>;
  readonly calls: number;
  readonly headers: Headers;
  readonly inFlight: number;
  readonly times: number[];
}
type Messages = readonly { readonly role: Role; readonly content: string }[];
const requestOf = (model: string, messages: Messages) =>
  create(ChatCompletionRequestSchema, { model, messages: [...messages] });
const short: Messages = [{ role: Role.USER, content: 'A short question, as most are.' }];
const course = (
  name: string,
  rpcs: typeof chat,
  model: string,
  streamed: boolean,
  messages: Messages = short,
  headers: Headers = {},
): Course => ({
  name,
  rpcs,
  streamed,
  request: requestOf(model, messages),
  calls: messages === short ? CALLS : CALLS / 10,
  headers,
  inFlight: rpcs === inRedis ? 64 : 1,
  times: [],
});
const courses = [false, true].flatMap((streamed) => {
  const kind = streamed ? 'streamed' : 'whole';
  return [
    course(`${kind}, no cache`, chat, 'plain', streamed),
    course(`${kind}, a cache for other routes`, cached, 'plain', streamed),
    course(`${kind}, asked anew and kept`, cached, 'kept', streamed, short, { 'cache-control': 'no-cache' }),
    course(`${kind}, from memory`, cached, 'kept', streamed),
    course(`${kind}, from Redis`, inRedis, 'kept', streamed),
    course(`${kind}, from memory, a conversation of 40 kB`, cached, 'kept', streamed, history),
  ];
});

const reply = { message: () => true, onDrain() {} };

async function run({ rpcs, streamed, request, calls, headers, inFlight }: Course): Promise<number> {
  const method = rpcs[streamed ? 1 : 0];
  if (method === undefined) throw new Error('chat has two methods');
  const lane = async (): Promise<void> => {
    for (let i = 0; i < calls / inFlight; i++) {
      const call = new Call({
        id: 'id',
        method: paths[streamed ? 1 : 0],
        protocol: 'grpc',
        headers,
        address: '127.0.0.1',
        trace: { traceId: '', spanId: '', parentId: '', flags: '00', state: '' },
        startedAt: systemClock.now(),
      });
      await method.handle(call, request as never, reply as never);
    }
  };
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: inFlight }, lane));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

for (let round = -WARM_UP; round < ROUNDS; round++) {
  for (const each of round % 2 === 0 ? courses : courses.toReversed()) {
    const time = await run(each);
    if (round >= 0) each.times.push(time);
  }
}
const median = (times: readonly number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
for (const { name, times } of courses) console.log(`${median(times).toFixed(2).padStart(8)} µs  ${name}`);
redis.disconnect();
await server.stop();
