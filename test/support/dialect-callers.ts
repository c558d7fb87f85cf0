import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import {
  ChatCompletionRequest,
  type ChatCompletionResponse,
  ChatServiceClient,
  FinishReason,
} from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { type Message, Role } from '../../gen/ts-proto/llmbridge/v1/content.ts';
import { accumulate } from './accumulate.ts';

/** A question in the terms that all surfaces share. */
export interface DialectQuestion {
  readonly model: string;
  readonly content: string;
  /** JSON Schemas of the tools' arguments, by name. */
  readonly tools?: Readonly<Record<string, string>>;
  /** The JSON Schema that the answer has to fit. */
  readonly schema?: string;
}

/** What an answer says, in the same terms. */
export interface DialectAnswer {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly { readonly name: string; readonly input: unknown }[];
  readonly finish: string;
  readonly completionTokens: number;
}

/** One surface of the gateway. */
export interface DialectCaller {
  readonly name: string;
  /** Asks, and where the answer calls tools tells it `results` of theirs; every answer in turn. */
  ask(port: number, stream: boolean, question: DialectQuestion, results?: string): Promise<DialectAnswer[]>;
}

const finishWords: Readonly<Record<number, string>> = {
  [FinishReason.FINISH_REASON_STOP]: 'stop',
  [FinishReason.FINISH_REASON_LENGTH]: 'length',
  [FinishReason.FINISH_REASON_TOOL_CALLS]: 'tool_calls',
  [FinishReason.FINISH_REASON_CONTENT_FILTER]: 'content_filter',
};

const parsed = (calls: readonly { readonly name: string; readonly arguments: string }[]) =>
  calls.map(({ name, arguments: input }) => ({ name, input: JSON.parse(input) as unknown }));

const grpcRequest = (question: DialectQuestion, messages: readonly Message[]) =>
  ChatCompletionRequest.fromPartial({
    model: question.model,
    messages: [{ role: Role.ROLE_USER, content: question.content }, ...messages],
    tools: Object.entries(question.tools ?? {}).map(([name, parameters]) => ({ function: { name, parameters } })),
    ...(question.schema !== undefined && {
      responseFormat: { jsonSchema: { name: 'answer', schema: question.schema } },
    }),
  });

async function grpcStreamed(client: ChatServiceClient, request: ChatCompletionRequest): Promise<DialectAnswer> {
  let [text, reasoning, finish, completionTokens] = ['', '', '', 0];
  const calls: { name: string; arguments: string }[] = [];
  for await (const chunk of client.streamChatCompletion(request)) {
    completionTokens = chunk.usage?.completionTokens ?? completionTokens;
    for (const { delta, finishReason } of chunk.choices) {
      text += delta?.content ?? '';
      reasoning += delta?.reasoningContent ?? '';
      finish = finishWords[finishReason] ?? finish;
      for (const piece of delta?.toolCalls ?? []) {
        const { name, arguments: input } = calls[piece.index] ?? { name: '', arguments: '' };
        calls[piece.index] = { name: name + piece.name, arguments: input + piece.arguments };
      }
    }
  }
  return { text, reasoning, calls: parsed(calls), finish, completionTokens };
}

const grpc: DialectCaller = {
  name: 'gRPC',
  async ask(port, stream, question, results) {
    const client = new ChatServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
    const call = promisify<ChatCompletionRequest, ChatCompletionResponse>(client.chatCompletion.bind(client));
    try {
      if (stream) return [await grpcStreamed(client, grpcRequest(question, []))];
      const answers: DialectAnswer[] = [];
      const said: Message[] = [];
      for (;;) {
        const { choices, usage } = await call(grpcRequest(question, said));
        const message = choices[0]?.message;
        if (message === undefined) throw new Error('an answer without a message');
        answers.push({
          text: message.content,
          reasoning: message.reasoningContent,
          calls: parsed(message.toolCalls),
          finish: finishWords[choices[0]?.finishReason ?? 0] ?? '',
          completionTokens: usage?.completionTokens ?? 0,
        });
        if (results === undefined || message.toolCalls.length === 0) return answers;
        const told = message.toolCalls.map(({ id }) => ({ role: Role.ROLE_TOOL, toolCallId: id, content: results }));
        said.push(message, ...ChatCompletionRequest.fromPartial({ messages: told }).messages);
      }
    } finally {
      client.close();
    }
  },
};

interface JsonMessage {
  readonly content?: string | null;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly {
    readonly id: string;
    readonly function: { readonly name: string; readonly arguments: string };
  }[];
}

interface JsonAnswer {
  readonly choices: readonly {
    readonly message?: JsonMessage;
    readonly delta?: Record<string, unknown>;
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: { readonly completion_tokens: number } | null;
  readonly error?: unknown;
}

const jsonBody = (question: DialectQuestion, messages: readonly unknown[], stream: boolean): string =>
  JSON.stringify({
    model: question.model,
    messages: [{ role: 'user', content: question.content }, ...messages],
    ...(question.tools && {
      tools: Object.entries(question.tools).map(([name, parameters]) => ({
        type: 'function',
        function: { name, parameters: JSON.parse(parameters) as unknown },
      })),
    }),
    ...(question.schema !== undefined && {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', schema: JSON.parse(question.schema) as unknown },
      },
    }),
    ...(stream && { stream, stream_options: { include_usage: true } }),
  });

/** Puts a stream's deltas together as the official SDKs do. */
function gathered(text: string): JsonAnswer {
  const message: Record<string, unknown> = {};
  let finish: string | null = null;
  let usage: JsonAnswer['usage'];
  const events = text.split('\n\n').flatMap((event) => event.match(/^data: (.*)$/m)?.[1] ?? []);
  if (events.at(-1) !== '[DONE]') throw new Error(`a stream without its end: ${text}`);
  for (const event of events.slice(0, -1)) {
    const chunk = JSON.parse(event) as JsonAnswer;
    if (chunk.error !== undefined) throw new Error(event);
    usage = chunk.usage ?? usage;
    for (const choice of chunk.choices) {
      accumulate(message, choice.delta ?? {});
      finish = choice.finish_reason ?? finish;
    }
  }
  return { choices: [{ message, finish_reason: finish }], ...(usage && { usage }) };
}

const json: DialectCaller = {
  name: 'JSON',
  async ask(port, stream, question, results) {
    const answers: DialectAnswer[] = [];
    const said: unknown[] = [];
    for (;;) {
      const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: jsonBody(question, said, stream),
      });
      const text = await response.text();
      if (response.status !== 200) throw new Error(`${response.status}: ${text}`);
      const answer = stream ? gathered(text) : (JSON.parse(text) as JsonAnswer);
      const message = answer.choices[0]?.message ?? {};
      const calls = message.tool_calls ?? [];
      answers.push({
        text: message.content ?? '',
        reasoning: message.reasoning_content ?? '',
        calls: parsed(calls.map((call) => call.function)),
        finish: answer.choices[0]?.finish_reason ?? '',
        completionTokens: answer.usage?.completion_tokens ?? 0,
      });
      if (results === undefined || calls.length === 0) return answers;
      said.push({ ...message, role: 'assistant' });
      for (const { id } of calls) said.push({ role: 'tool', tool_call_id: id, content: results });
    }
  },
};

/** The native surface and the OpenAI-shaped one. */
export const dialectCallers: readonly DialectCaller[] = [grpc, json];
