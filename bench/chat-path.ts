/**
 * CPU microseconds of the chat path alone for one call: plan, encode, attempt, decode, account, against a provider in the
 * same process that answers at once. With other source trees given, they are measured in turn with this one, so that a
 * drift of the machine hits all alike; medians of all rounds.
 *
 *   node bench/chat-path.ts [TREE...]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { create } from '@bufbuild/protobuf';
import type { Provider } from '../src/kernel/provider.ts';
import type { HttpRequest, ResponseHandler } from '../src/kernel/upstream.ts';

const WARM_UP = 2;
const ROUNDS = 15;
const CALLS = 20_000;

const answer = Buffer.from(
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [
      { index: 0, message: { role: 'assistant', content: 'A short answer, as most are.' }, finish_reason: 'stop' },
    ],
    usage: { prompt_tokens: 12, completion_tokens: 7, total_tokens: 19 },
  }),
);
const chunk = (delta: object, finish: string | null) =>
  `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const stream = Buffer.from(
  `${chunk({ role: 'assistant', content: '' }, null)}${chunk({ content: 'A short answer.' }, null)}${chunk({}, 'stop')}data: [DONE]\n\n`,
);

interface Course {
  readonly tree: string;
  readonly times: Record<'whole' | 'stream', number[]>;
  run(kind: 'whole' | 'stream', calls: number): Promise<number>;
}

const heads = { whole: { 'content-type': 'application/json' }, stream: { 'content-type': 'text/event-stream' } };

/** Calls of both kinds over one source tree. */
async function courseOf(tree: string): Promise<Course> {
  const from = <T>(path: string): Promise<T> => import(join(tree, path)) as Promise<T>;
  const { createChat } = await from<typeof import('../src/chat/chat.ts')>('src/chat/chat.ts');
  const { Balancer } = await from<typeof import('../src/balancer/balancer.ts')>('src/balancer/balancer.ts');
  const { balancerSettings } = await from<typeof import('../src/balancer-settings.ts')>('src/balancer-settings.ts');
  const { providerTypes } = await from<typeof import('../src/providers/index.ts')>('src/providers/index.ts');
  const { loadConfig } = await from<typeof import('../src/config/load.ts')>('src/config/load.ts');
  const { systemClock } = await from<typeof import('../src/kernel/clock.ts')>('src/kernel/clock.ts');
  const { Call } = await from<typeof import('../src/kernel/call.ts')>('src/kernel/call.ts');
  const messages = await from<typeof import('../gen/es/llmbridge/v1/chat_service_pb.ts')>(
    'gen/es/llmbridge/v1/chat_service_pb.ts',
  );

  const { config } = loadConfig(configFile, {}, providerTypes);
  const type = providerTypes.find((each) => each.type === 'openai-compatible');
  if (type === undefined) throw new Error('no such provider type');
  const exchange = { cancel() {}, pause() {}, resume() {} };
  const upstream = {
    send(request: HttpRequest, handler: ResponseHandler) {
      const kind = String(request.body).includes('"stream":true') ? 'stream' : 'whole';
      queueMicrotask(() => {
        handler.head(200, heads[kind]);
        handler.data(kind === 'stream' ? stream : answer);
        handler.end();
      });
      return exchange;
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
  const targets = ['m', 'n'].map((model) => ({ provider, model, weight: 1, priority: 1 }));
  const catalog = {
    providers: new Map([['up', provider]]),
    routes: new Map([['fast', { name: 'fast', policy: ['weighted'], targets }]]),
  };
  const balancer = new Balancer({ clock: systemClock, settings: balancerSettings(config) });
  const [complete, streamed] = createChat({ catalog: () => catalog, balancer });
  if (complete === undefined || streamed === undefined) throw new Error('chat has two methods');
  const request = create(messages.ChatCompletionRequestSchema, {
    model: 'fast',
    messages: [{ role: 2, content: 'A short question, as most are.' }],
  });
  let pieces = 0;
  const reply = {
    message() {
      pieces++;
      return true;
    },
    onDrain() {},
  };
  return {
    tree,
    times: { whole: [], stream: [] },
    async run(kind, calls) {
      const method = kind === 'stream' ? streamed : complete;
      pieces = 0;
      const before = process.cpuUsage();
      for (let i = 0; i < calls; i++) {
        const call = new Call({
          id: 'id',
          method: '/llmbridge.v1.ChatService/ChatCompletion',
          protocol: 'http',
          headers: {},
          address: '127.0.0.1',
          trace: { traceId: '', spanId: '', parentId: '', flags: '00', state: '' },
          startedAt: systemClock.now(),
        });
        await method.handle(call, request as never, reply as never);
      }
      const { user, system } = process.cpuUsage(before);
      if (pieces < calls) throw new Error('calls went unanswered');
      return (user + system) / calls;
    },
  };
}

const folder = mkdtempSync(join(tmpdir(), 'llm-bridge-bench-'));
const configFile = join(folder, 'config.yaml');
writeFileSync(configFile, 'providers: { up: { type: openai-compatible, base_url: "http://127.0.0.1:9/v1" } }\n');
const trees = [join(import.meta.dirname, '..'), ...process.argv.slice(2).map((tree) => resolve(tree))];
const courses = await Promise.all(trees.map(courseOf));
rmSync(folder, { recursive: true });
for (let round = -WARM_UP; round < ROUNDS; round++) {
  for (const course of round % 2 === 0 ? courses : courses.toReversed()) {
    for (const kind of ['whole', 'stream'] as const) {
      const time = await course.run(kind, CALLS);
      if (round >= 0) course.times[kind].push(time);
    }
  }
}
const median = (times: readonly number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
for (const { tree, times } of courses) {
  console.log(`whole ${median(times.whole).toFixed(2)} µs, streamed ${median(times.stream).toFixed(2)} µs: ${tree}`);
}
