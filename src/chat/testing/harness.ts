import { create } from '@bufbuild/protobuf';
import {
  type ChatCompletionRequest,
  ChatCompletionRequestSchema,
  type ChatCompletionResponse,
  ChatCompletionResponseSchema,
  type StreamChatCompletionResponse,
  StreamChatCompletionResponseSchema,
} from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import type { BalancerSettings } from '../../balancer/settings.ts';
import type { ProviderAdapter } from '../../kernel/adapter.ts';
import { Call } from '../../kernel/call.ts';
import type { Clock } from '../../kernel/clock.ts';
import { type Blame, Fault } from '../../kernel/fault.ts';
import type { Reply } from '../../kernel/method.ts';
import type { Provider, Target } from '../../kernel/provider.ts';
import type { HttpRequest, ResponseHandler, Upstream } from '../../kernel/upstream.ts';

/** A clock that moves only when told to. */
export class FakeClock implements Clock {
  #now = 0;
  #timers: { due: number; action: () => void }[] = [];
  now = () => this.#now;
  wall = () => 1_800_000_000_000 + this.#now;
  after = (ms: number, action: () => void) => {
    const timer = { due: this.#now + ms, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  };
  get pending(): number {
    return this.#timers.length;
  }
  /** Moves on by `ms`, running what falls due, in order. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter(({ due }) => due <= until).sort((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.due);
      next.action();
    }
    this.#now = until;
  }
  /** The process stands still for `ms`: what fell due in it runs late. */
  stop(ms: number): void {
    this.#now += ms;
    this.advance(0);
  }
}

/** The balancer's defaults, without retries. */
export const settings: BalancerSettings = {
  timeouts: { firstTokenMs: 30_000, wholeMs: 30_000, idleMs: 20_000, totalMs: 100_000 },
  retry: { max: 0, backoffMs: 100, maxBackoffMs: 5_000, maxWaitMs: 5_000 },
  budget: { ratio: 0.2, minimum: 3, windowMs: 10_000 },
  breaker: { consecutive: 5, rate: 0.5, minimum: 20, windowMs: 30_000, ejectMs: 5_000, maxEjectMs: 15_000 },
  hedge: { enabled: false, delayMs: undefined, ratio: 0.05 },
  recovery: 'off',
  contextFallback: false,
  admission: { maxConcurrent: Number.POSITIVE_INFINITY, maxQueue: 0, maxQueueMs: 0 },
  routes: new Map(),
  providers: new Map(),
};

/** A request as an upstream saw it, with the means to answer it. */
export interface Sent {
  readonly request: HttpRequest;
  readonly handler: ResponseHandler;
  cancelled: boolean;
  paused: boolean;
}

/** An upstream that records what it is sent; the test answers, at once by `script` or later by hand. */
export class FakeUpstream implements Upstream {
  readonly sent: Sent[] = [];
  script: ((sent: Sent) => void) | undefined;
  send(request: HttpRequest, handler: ResponseHandler) {
    const sent: Sent = { request, handler, cancelled: false, paused: false };
    this.sent.push(sent);
    this.script?.(sent);
    return {
      cancel: () => {
        sent.cancelled = true;
      },
      pause: () => {
        sent.paused = true;
      },
      resume: () => {
        sent.paused = false;
      },
    };
  }
  close = () => Promise.resolve();
}

/**
 * A dialect for tests. A body is the text itself; a stream is SSE whose data is a word, `finish`, `usage`, `tool` or `[DONE]`;
 * a failure's body names the blame, and after a colon the milliseconds of its `Retry-After`.
 */
const wordAdapter: ProviderAdapter = {
  framing: 'sse',
  encode: ({ model, stream, apiKey, request }) => ({
    method: 'POST',
    path: `/${model}`,
    headers: { key: apiKey },
    body: `${stream ? 'stream' : 'whole'}${request.messages[1] ? `>${request.messages[1].content}` : ''}`,
    notes: [],
  }),
  decode: (body) =>
    create(ChatCompletionResponseSchema, {
      choices: [{ finishReason: 1, message: { role: Role.ASSISTANT, content: Buffer.from(body).toString() } }],
      usage: { promptTokens: 1, completionTokens: 2, totalTokens: 3 },
    }),
  decoder: () => {
    let [whole, done] = [false, false];
    return {
      push({ data }, emit) {
        if (data === '[DONE]') done = true;
        else if (data === 'finish') {
          whole = true;
          emit(create(StreamChatCompletionResponseSchema, { choices: [{ finishReason: 1, delta: {} }] }));
        } else if (data === 'usage') {
          emit(create(StreamChatCompletionResponseSchema, { usage: { totalTokens: 3 } }));
        } else if (data === 'tool') {
          const toolCalls = [{ index: 0, id: 'call', name: 'look', arguments: '{"at"' }];
          emit(create(StreamChatCompletionResponseSchema, { choices: [{ delta: { toolCalls } }] }));
        } else {
          const delta = data === 'role' ? { role: Role.ASSISTANT } : { content: data };
          emit(create(StreamChatCompletionResponseSchema, { choices: [{ delta }] }));
        }
      },
      end(_emit, broken = false) {
        if (!done && (broken || !whole)) throw new Fault('PROVIDER_STREAM_CUT', 'cut', { blame: 'provider' });
      },
    };
  },
  fault: ({ status, body }) => {
    const [blame, ms = '7'] = Buffer.from(body).toString().split(':') as [Blame, string?];
    if (blame === 'context') return new Fault('CONTEXT_LENGTH_EXCEEDED', 'too long', { blame, status });
    return blame === 'caller'
      ? new Fault('PROVIDER_REJECTED', 'rejected', { blame, status })
      : new Fault('PROVIDER_UNAVAILABLE', 'failed', {
          blame,
          status,
          ...(blame === 'limit' && { retryAfterMs: Number(ms) }),
        });
  },
};

export function fakeProvider(name: string, over: Partial<Provider> = {}): Provider & { upstream: FakeUpstream } {
  return {
    name,
    type: {
      type: 'words',
      title: 'Words',
      baseUrl: undefined,
      keyVariable: undefined,
      requiresKey: false,
      simulated: false,
      options: {},
      adapter: () => wordAdapter,
    },
    adapter: wordAdapter,
    keys: ['k'],
    disabled: undefined,
    models: [],
    ...over,
    upstream: new FakeUpstream(),
  };
}

export const target = (provider: Provider, model = 'm'): Target => ({ provider, model, weight: 1, priority: 1 });

export function openCall(clock: Clock): Call {
  return new Call({
    id: 'call-1',
    method: '/llmbridge.v1.ChatService/ChatCompletion',
    protocol: 'grpc',
    headers: {},
    address: '127.0.0.1',
    trace: { traceId: '', spanId: '', parentId: '', flags: '01', state: '' },
    startedAt: clock.now(),
  });
}

export const ask = (model: string, provider = ''): ChatCompletionRequest =>
  create(ChatCompletionRequestSchema, { model, provider, messages: [{ role: Role.USER, content: 'hi' }] });

/** Keeps what it is given; full while `full` is true. */
export class Inbox<O = ChatCompletionResponse | StreamChatCompletionResponse> implements Reply<O> {
  readonly messages: O[] = [];
  full = false;
  #resume: (() => void) | undefined;
  message = (message: O) => {
    this.messages.push(message);
    return !this.full;
  };
  onDrain = (resume: () => void) => {
    this.#resume = resume;
  };
  drain(): void {
    this.full = false;
    this.#resume?.();
  }
}

/** SSE events of these data lines. */
export const events = (...data: string[]) => Buffer.from(data.map((each) => `data: ${each}\n\n`).join(''));

/** Answers a request with a status and a whole body. */
export const answer = (status: number, body: string | Uint8Array) => (sent: Sent) => {
  sent.handler.head(status, {});
  sent.handler.data(Buffer.from(body));
  sent.handler.end();
};
