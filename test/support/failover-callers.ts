import { promisify } from 'node:util';
import { credentials, type ServiceError } from '@grpc/grpc-js';
import {
  ChatCompletionRequest,
  type ChatCompletionResponse,
  ChatServiceClient,
  type StreamChatCompletionResponse,
} from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { Role } from '../../gen/ts-proto/llmbridge/v1/content.ts';
import type { GatewayReport } from '../../gen/ts-proto/llmbridge/v1/report.ts';
import { failureOf } from '../clients/grpc-status.ts';

/** What a caller got, whichever way it asked. */
export interface Received {
  readonly text: string;
  /** The model that the answer names last. */
  readonly model: string;
  readonly finished: boolean;
  readonly usage: readonly [prompt: number, completion: number] | undefined;
  /** Providers' models that were asked, and how it went; undefined where no report came. */
  readonly attempts: readonly { readonly model: string; readonly outcome: string; readonly tokens: number }[];
  readonly recovered: string;
  /** The reason or OpenAI code of the failure. */
  readonly failure: string | undefined;
  readonly ms: number;
}

/** Asks a gateway as one kind of caller does. */
export interface FailoverCaller {
  readonly name: string;
  readonly stream: boolean;
  ask(port: number, model: string): Promise<Received>;
}

const question = 'Tell me in exactly sixty words what a good gateway does when its providers fail in turn.';

interface Json {
  readonly [key: string]: unknown;
}

interface WireReport {
  readonly attempts?: readonly { model: string; outcome: string; usage?: { total_tokens?: number } }[];
  readonly recovered?: string;
}

interface WireAnswer {
  readonly model?: string;
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string };
    readonly message?: { readonly content?: string };
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
  readonly llmbridge?: WireReport;
  readonly error?: { readonly code: string | null; readonly type: string };
}

/** Gathers an answer from its pieces. */
class Gathering {
  text = '';
  model = '';
  finished = false;
  usage: Received['usage'];
  attempts: Received['attempts'] = [];
  recovered = '';
  failure: string | undefined;
  readonly #startedAt = performance.now();

  json(answer: WireAnswer): void {
    if (answer.model) this.model = answer.model;
    for (const choice of answer.choices ?? []) {
      this.text += choice.delta?.content ?? choice.message?.content ?? '';
      if (choice.finish_reason) this.finished = true;
    }
    if (answer.usage) this.usage = [answer.usage.prompt_tokens, answer.usage.completion_tokens];
    const report = answer.llmbridge;
    if (report === undefined) return;
    this.recovered = report.recovered ?? '';
    this.attempts = (report.attempts ?? []).map(({ model, outcome, usage }) => ({
      model,
      outcome,
      tokens: usage?.total_tokens ?? 0,
    }));
  }

  report(report: GatewayReport | undefined): void {
    if (report === undefined) return;
    this.recovered = report.recovered;
    this.attempts = report.attempts.map(({ model, outcome, usage }) => ({
      model,
      outcome: String(outcome),
      tokens: usage?.totalTokens ?? 0,
    }));
  }

  received(): Received {
    const { text, model, finished, usage, attempts, recovered, failure } = this;
    return { text, model, finished, usage, attempts, recovered, failure, ms: performance.now() - this.#startedAt };
  }
}

const body = (model: string, stream: boolean): Json => ({
  model,
  messages: [{ role: 'user', content: question }],
  ...(stream && { stream, stream_options: { include_usage: true } }),
});

const send = (port: number, model: string, stream: boolean) =>
  fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer anything' },
    body: JSON.stringify(body(model, stream)),
  });

const codeOf = ({ error }: WireAnswer): string => error?.code ?? error?.type ?? 'error';

/** Reads a stream to its end, and holds it to its form: whole events of JSON, `[DONE]` last, or an error last. */
async function readEvents(response: Response, gathering: Gathering): Promise<void> {
  const text = await response.text();
  const events = text.split('\n\n').filter((event) => !event.startsWith(':'));
  if (events.pop() !== '') throw new Error(`the stream ends amid an event: ${text.slice(-100)}`);
  let over = false;
  for (const event of events) {
    if (!event.startsWith('data: ')) throw new Error(`not an event: ${event}`);
    if (over) throw new Error(`after the end: ${event}`);
    const data = event.slice(6);
    if (data === '[DONE]') {
      over = true;
      continue;
    }
    const answer = JSON.parse(data) as WireAnswer;
    if (answer.error) {
      over = true;
      gathering.failure = codeOf(answer);
    }
    gathering.json(answer);
  }
  if (!over) throw new Error(`the stream has no end: ${text.slice(-100)}`);
}

const json = (stream: boolean): FailoverCaller => ({
  name: `OpenAI-shaped JSON, ${stream ? 'streamed' : 'whole'}`,
  stream,
  async ask(port, model) {
    const gathering = new Gathering();
    const response = await send(port, model, stream);
    if (response.status === 200 && stream) await readEvents(response, gathering);
    else {
      const answer = (await response.json()) as WireAnswer;
      if (response.status !== 200) gathering.failure = codeOf(answer);
      gathering.json(answer);
    }
    return gathering.received();
  },
});

const grpc = (stream: boolean): FailoverCaller => ({
  name: `gRPC, ${stream ? 'streamed' : 'whole'}`,
  stream,
  async ask(port, model) {
    const gathering = new Gathering();
    const client = new ChatServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
    const request = ChatCompletionRequest.fromPartial({
      model,
      messages: [{ role: Role.ROLE_USER, content: question }],
    });
    const add = (answer: ChatCompletionResponse | StreamChatCompletionResponse, text: string, finish: number) => {
      gathering.text += text;
      gathering.model = answer.model || gathering.model;
      gathering.finished ||= finish !== 0;
      if (answer.usage) gathering.usage = [answer.usage.promptTokens, answer.usage.completionTokens];
      gathering.report(answer.report);
    };
    try {
      if (stream) {
        for await (const chunk of client.streamChatCompletion(request) as AsyncIterable<StreamChatCompletionResponse>) {
          const [choice] = chunk.choices;
          add(chunk, choice?.delta?.content ?? '', choice?.finishReason ?? 0);
        }
      } else {
        const call = promisify<ChatCompletionRequest, ChatCompletionResponse>(client.chatCompletion.bind(client));
        const answer = await call(request);
        const [choice] = answer.choices;
        add(answer, choice?.message?.content ?? '', choice?.finishReason ?? 0);
      }
    } catch (error) {
      gathering.failure = failureOf(error as ServiceError).reason;
    } finally {
      client.close();
    }
    return gathering.received();
  },
});

export const failoverCallers: readonly FailoverCaller[] = [json(true), grpc(true), json(false), grpc(false)];
