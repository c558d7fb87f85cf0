import { part } from '../support/parts.ts';
import { run } from '../support/process.ts';
import { type Answer, type Caller, Gathered, type Question } from './caller.ts';

interface Body {
  readonly choices?: readonly {
    readonly message?: { readonly content: string };
    readonly delta?: { readonly content?: string | null };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
  readonly error?: { readonly message: string; readonly code: string | null };
}

function take(answer: Gathered, body: Body): Answer | undefined {
  if (body.error) {
    return { ...answer, failure: { code: body.error.code ?? '', reason: '', message: body.error.message } };
  }
  for (const choice of body.choices ?? []) {
    answer.add(choice.message?.content ?? choice.delta?.content, choice.finish_reason);
  }
  answer.count(body.usage ? { prompt: body.usage.prompt_tokens, completion: body.usage.completion_tokens } : undefined);
  return undefined;
}

async function ask(port: number, stream: boolean, question: Question): Promise<Answer> {
  const request = {
    model: question.model,
    max_tokens: question.maxTokens,
    messages: [{ role: 'user', content: question.content }],
    ...(stream && { stream: true, stream_options: { include_usage: true } }),
  };
  const url = `http://127.0.0.1:${port}/v1/chat/completions`;
  const args = ['-sSN', '-H', 'Content-Type: application/json', '--data-binary', '@-', url];
  const { stdout, code, stderr } = await run(part('curl'), args, { input: JSON.stringify(request) });
  if (code !== 0) throw new Error(`curl exited ${code}: ${stderr}`);
  const answer = new Gathered();
  if (!stream || stdout.startsWith('{')) return take(answer, JSON.parse(stdout) as Body) ?? answer;

  const events = stdout.split('\n\n').filter((event) => event.startsWith('data: '));
  for (const event of events) {
    if (event === 'data: [DONE]') return answer;
    const failed = take(answer, JSON.parse(event.slice('data: '.length)) as Body);
    if (failed) return failed;
  }
  throw new Error(`the stream did not end by [DONE]:\n${stdout}`);
}

/** curl, as a person would type it. */
export const curl: Caller = {
  name: 'curl',
  needs: ['curl'],
  async connect(port) {
    return {
      ask(mode, question) {
        if (mode === 'cancel') throw new Error('curl does not cancel by itself');
        return ask(port, mode === 'stream', question);
      },
      close() {},
    };
  },
};
