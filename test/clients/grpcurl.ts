import { part } from '../support/parts.ts';
import { run } from '../support/process.ts';
import { type Answer, type Caller, Gathered, type Mode, type Question } from './caller.ts';

/** One message of the answer, in proto-JSON, whole or chunk. */
interface Printed {
  readonly choices?: readonly {
    readonly message?: { readonly content?: string };
    readonly delta?: { readonly content?: string };
    readonly finishReason?: string;
  }[];
  readonly usage?: { readonly promptTokens?: number; readonly completionTokens?: number };
}

/** What grpcurl prints on a failure with -format-error: google.rpc.Status in JSON. */
interface PrintedStatus {
  readonly code: number;
  readonly message: string;
  readonly details?: readonly { readonly '@type': string; readonly reason?: string }[];
}

const codes: Readonly<Record<number, string>> = { 3: 'INVALID_ARGUMENT', 5: 'NOT_FOUND', 8: 'RESOURCE_EXHAUSTED' };

/** JSON documents that stand one after another. */
function documents(text: string): unknown[] {
  return text
    .split(/^(?=\{)/m)
    .filter((part) => part.trim() !== '')
    .map((part) => JSON.parse(part) as unknown);
}

async function ask(port: number, mode: Mode, question: Question): Promise<Answer> {
  const request = {
    model: question.model,
    maxTokens: question.maxTokens,
    messages: [{ role: 'ROLE_USER', content: question.content }],
  };
  const method = `llmbridge.v1.ChatService/${mode === 'chat' ? 'ChatCompletion' : 'StreamChatCompletion'}`;
  const args = ['-plaintext', '-format-error', '-d', '@', `127.0.0.1:${port}`, method];
  const { code, stdout, stderr } = await run(part('grpcurl'), args, { input: JSON.stringify(request) });
  const answer = new Gathered();
  for (const message of documents(stdout) as Printed[]) {
    for (const choice of message.choices ?? []) {
      const finish = choice.finishReason?.replace('FINISH_REASON_', '').toLowerCase();
      answer.add(choice.message?.content ?? choice.delta?.content, finish);
    }
    const usage = message.usage;
    answer.count(usage && { prompt: usage.promptTokens ?? 0, completion: usage.completionTokens ?? 0 });
  }
  if (code === 0) return answer;
  const [status] = documents(stderr.slice(stderr.indexOf('{'))) as PrintedStatus[];
  if (status === undefined) throw new Error(`grpcurl exited ${code}: ${stderr}`);
  return {
    ...answer,
    failure: {
      code: codes[status.code] ?? String(status.code),
      reason: status.details?.find((detail) => detail.reason !== undefined)?.reason ?? '',
      message: status.message,
    },
  };
}

/** grpcurl, which learns the contract by reflection. */
export const grpcurlCaller: Caller = {
  name: 'grpcurl by reflection',
  needs: ['grpcurl'],
  async connect(port) {
    return { ask: (mode, question) => ask(port, mode, question), close() {} };
  },
};
