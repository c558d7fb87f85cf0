import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { ErrorInfoSchema } from '../../gen/es/google/rpc/error_details_pb.ts';
import { ChatService, FinishReason } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import type { Usage } from '../../gen/es/llmbridge/v1/usage_pb.ts';
import { type Answer, type Failure, Gathered, type Mode, type Question } from './caller.ts';

const finishWords = new Map<number, string>([
  [FinishReason.STOP, 'stop'],
  [FinishReason.LENGTH, 'length'],
  [FinishReason.TOOL_CALLS, 'tool_calls'],
  [FinishReason.CONTENT_FILTER, 'content_filter'],
]);

const counts = (usage: Usage | undefined) =>
  usage && { prompt: usage.promptTokens, completion: usage.completionTokens };

/** A Connect client's error as what every caller reports. */
export function connectFailure(thrown: unknown): Failure {
  const error = ConnectError.from(thrown);
  return {
    code: Code[error.code]
      .replace(/([a-z])([A-Z])/g, '$1_$2')
      .toUpperCase()
      .replace('CANCELED', 'CANCELLED'),
    reason: error.findDetails(ErrorInfoSchema)[0]?.reason ?? '',
    message: error.rawMessage,
  };
}

/** Asks once over a Connect transport, of whichever protocol and runtime. */
export async function askOver(transport: Transport, mode: Mode, question: Question): Promise<Answer> {
  const client = createClient(ChatService, transport);
  const request = {
    model: question.model,
    maxTokens: question.maxTokens,
    messages: [{ role: Role.USER, content: question.content }],
  };
  const answer = new Gathered();
  const stop = new AbortController();
  // The deadline makes a page send its protocol's timeout header, which CORS must allow.
  const options = { signal: stop.signal, timeoutMs: 30_000, headers: { ...question.headers } };
  try {
    if (mode === 'chat') {
      const reply = await client.chatCompletion(request, options);
      const [choice] = reply.choices;
      answer.add(choice?.message?.content, finishWords.get(choice?.finishReason ?? 0));
      answer.count(counts(reply.usage));
      return { ...answer };
    }
    for await (const chunk of client.streamChatCompletion(request, options)) {
      for (const choice of chunk.choices) answer.add(choice.delta?.content, finishWords.get(choice.finishReason));
      answer.count(counts(chunk.usage));
      if (mode === 'cancel' && answer.pieces === 3) stop.abort();
    }
    return { ...answer };
  } catch (error) {
    return { ...answer, failure: connectFailure(error) };
  }
}
