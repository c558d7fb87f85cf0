import OpenAI from 'openai';
import { type Answer, type Caller, Gathered, type Mode, type Question } from './caller.ts';

async function ask(client: OpenAI, mode: Mode, question: Question): Promise<Answer> {
  const request = {
    model: question.model,
    max_tokens: question.maxTokens,
    messages: [{ role: 'user' as const, content: question.content }],
  };
  const options = { headers: question.headers ?? {} };
  const answer = new Gathered();
  try {
    if (mode === 'chat') {
      const reply = await client.chat.completions.create(request, options);
      answer.add(reply.choices[0]?.message.content, reply.choices[0]?.finish_reason);
      answer.count(reply.usage && { prompt: reply.usage.prompt_tokens, completion: reply.usage.completion_tokens });
      return answer;
    }
    const stream = await client.chat.completions.create(
      { ...request, stream: true, stream_options: { include_usage: true } },
      options,
    );
    for await (const chunk of stream) {
      for (const choice of chunk.choices) answer.add(choice.delta.content, choice.finish_reason);
      const usage = chunk.usage;
      answer.count(usage ? { prompt: usage.prompt_tokens, completion: usage.completion_tokens } : undefined);
      if (mode === 'cancel' && answer.pieces === 3) stream.controller.abort();
    }
    // The SDK ends an aborted stream without an error.
    if (stream.controller.signal.aborted) {
      return { ...answer, failure: { code: 'CANCELLED', reason: '', message: 'aborted' } };
    }
    return answer;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return { ...answer, failure: { code: code ?? '', reason: '', message } };
  }
}

/** The official OpenAI SDK for Node.js, as it is. */
export const openaiNode: Caller = {
  name: 'openai SDK for Node.js',
  needs: [],
  async connect(port) {
    const client = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: 'sk-unused', maxRetries: 0 });
    return { ask: (mode, question) => ask(client, mode, question), close() {} };
  },
};
