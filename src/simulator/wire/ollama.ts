import type { Answer, SimulatedChoice } from '../answer.ts';
import type { Dialect, WireEvent } from '../dialect.ts';
import type { Query } from '../query.ts';
import type { SimulatedError } from '../simulated-error.ts';
import { callId, inputOf } from './call-input.ts';
import { firstChoice, thoughtOf, thoughtPieces } from './first-choice.ts';
import { parseOllama } from './ollama-request.ts';
import { retryHeader } from './openai-error.ts';

/** Nanoseconds that a token is said to have taken. */
const TOKEN_NS = 1_000_000;

/** Calls of tools end as any answer does. */
const doneReasons: Readonly<Record<string, string>> = { tool_calls: 'stop' };

const headOf = (query: Query, created: number) => ({
  model: query.model,
  created_at: new Date(created * 1_000).toISOString(),
});

const endOf = ({ usage }: Answer, { finish }: SimulatedChoice) => ({
  done_reason: doneReasons[finish] ?? finish,
  done: true,
  total_duration: (usage.prompt + usage.completion) * TOKEN_NS,
  load_duration: TOKEN_NS,
  prompt_eval_count: usage.prompt,
  prompt_eval_duration: usage.prompt * TOKEN_NS,
  eval_count: usage.completion,
  eval_duration: usage.completion * TOKEN_NS,
});

const callsOf = (choice: SimulatedChoice): object[] =>
  choice.calls.map((call, index) => ({
    id: callId(call, 'call_'),
    function: { index, name: call.name, arguments: inputOf(call) },
  }));

function body(answer: Answer, query: Query, created: number): string {
  const choice = firstChoice(answer);
  const thinking = thoughtOf(choice, query);
  return JSON.stringify({
    ...headOf(query, created),
    message: {
      role: 'assistant',
      content: choice.content.join(''),
      ...(thinking === '' ? {} : { thinking }),
      ...(choice.calls.length > 0 ? { tool_calls: callsOf(choice) } : {}),
    },
    ...endOf(answer, choice),
  });
}

const line = (payload: object): string => `${JSON.stringify(payload)}\n`;

function events(answer: Answer, query: Query, created: number, done: boolean): WireEvent[] {
  const choice = firstChoice(answer);
  const head = headOf(query, created);
  const list: WireEvent[] = [];
  const add = (message: object) =>
    list.push({
      data: line({ ...head, message: { role: 'assistant', content: '', ...message }, done: false }),
      token: true,
    });
  for (const thinking of thoughtPieces(choice, query)) add({ thinking });
  for (const content of choice.content) add({ content });
  for (const call of callsOf(choice)) add({ tool_calls: [call] });
  const message = { role: 'assistant', content: '' };
  if (done) list.push({ data: line({ ...head, message, ...endOf(answer, choice) }), token: false });
  return list;
}

const errorBody = ({ body: { code, message } }: SimulatedError): object => ({
  error: code === 'context_length_exceeded' ? 'prompt too long; exceeded max context length by 1000 tokens' : message,
});

/** Ollama's own chat. */
export const ollama: Dialect = {
  streamType: 'application/x-ndjson',
  serves: (method, path) => method === 'POST' && path.endsWith('/api/chat'),
  parse: (_path, text) => parseOllama(text),
  body,
  events,
  malformed: () => '{"model":"sim","message":{"role":"assistant","content":\n',
  error: (simulated) => ({
    status: simulated.status,
    headers: retryHeader(simulated),
    body: JSON.stringify(errorBody(simulated)),
  }),
  errorEvent: (simulated) => line(errorBody(simulated)),
};
