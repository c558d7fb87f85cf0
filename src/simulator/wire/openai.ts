import type { Answer, SimulatedChoice } from '../answer.ts';
import type { Dialect, WireEvent } from '../dialect.ts';
import type { Query } from '../query.ts';
import { Random } from '../random.ts';
import { openAiError } from './openai-error.ts';
import { parseRequest } from './openai-request.ts';

const FINGERPRINT = 'fp_simulator';

const usageOf = ({ usage }: Answer) => ({
  prompt_tokens: usage.prompt,
  completion_tokens: usage.completion,
  total_tokens: usage.prompt + usage.completion,
  prompt_tokens_details: { cached_tokens: usage.cached, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: usage.reasoning,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
});

function logprobOf(token: string, top: number) {
  const random = new Random(token.length * 31 + (token.codePointAt(token.length - 1) ?? 0));
  const of = (text: string, logprob: number) => ({ token: text, logprob, bytes: [...Buffer.from(text)] });
  const first = -Math.round(random.next() * 5_000) / 10_000;
  return {
    ...of(token, first),
    top_logprobs: Array.from({ length: top }, (_, i) => of(i === 0 ? token : `${token}~${i}`, first - i)),
  };
}

/** Log probabilities of the pieces, null where none were asked for. */
const logprobsOf = (query: Query, pieces: readonly string[]) => {
  const top = query.topLogprobs;
  return top === undefined ? null : { content: pieces.map((piece) => logprobOf(piece, top)), refusal: null };
};

type WireCall = SimulatedChoice['calls'][number];

const callOf = (call: WireCall, input: string) =>
  call.custom
    ? { id: call.id, type: 'custom', custom: { name: call.name, input } }
    : { id: call.id, type: 'function', function: { name: call.name, arguments: input } };

function messageOf(choice: SimulatedChoice) {
  return {
    role: 'assistant',
    content: choice.calls.length > 0 ? null : choice.content.join(''),
    ...(choice.reasoning.length > 0 ? { reasoning_content: choice.reasoning.join('') } : {}),
    ...(choice.calls.length > 0 ? { tool_calls: choice.calls.map((call) => callOf(call, call.pieces.join(''))) } : {}),
    refusal: null,
    annotations: [],
  };
}

function body(answer: Answer, query: Query, created: number): string {
  return JSON.stringify({
    id: `chatcmpl-${answer.id}`,
    object: 'chat.completion',
    created,
    model: query.model,
    choices: answer.choices.map((choice, index) => ({
      index,
      message: messageOf(choice),
      logprobs: choice.calls.length > 0 ? null : logprobsOf(query, choice.content),
      finish_reason: choice.finish,
    })),
    usage: usageOf(answer),
    service_tier: 'default',
    system_fingerprint: FINGERPRINT,
  });
}

/** Text up to the choices, the same in every chunk: `{"id":...,"choices":`. */
const prefixOf = (answer: Answer, query: Query, created: number): string =>
  `${JSON.stringify({
    id: `chatcmpl-${answer.id}`,
    object: 'chat.completion.chunk',
    created,
    model: query.model,
    service_tier: 'default',
    system_fingerprint: FINGERPRINT,
  }).slice(0, -1)},"choices":`;

/** The deltas of a choice, one token each. */
function deltasOf(choice: SimulatedChoice): { readonly delta: object; readonly piece: string | undefined }[] {
  const deltas: { delta: object; piece: string | undefined }[] = [];
  for (const piece of choice.reasoning) deltas.push({ delta: { reasoning_content: piece }, piece: undefined });
  for (const piece of choice.content) deltas.push({ delta: { content: piece }, piece });
  for (const [index, call] of choice.calls.entries()) {
    const { id, type, ...named } = callOf(call, '');
    for (const [at, piece] of call.pieces.entries()) {
      const field = call.custom ? { custom: { input: piece } } : { function: { arguments: piece } };
      if (at === 0) deltas.push({ delta: { tool_calls: [{ index, id, type, ...named }] }, piece: undefined });
      deltas.push({ delta: { tool_calls: [{ index, ...field }] }, piece: undefined });
    }
  }
  return deltas;
}

function events(answer: Answer, query: Query, created: number, done: boolean): WireEvent[] {
  const prefix = prefixOf(answer, query, created);
  const suffix = query.includeUsage ? ',"usage":null}\n\n' : '}\n\n';
  const list: WireEvent[] = [];
  const add = (index: number, delta: object, token: boolean, piece: string | undefined, finish: string | null) => {
    const logprobs = piece === undefined ? null : logprobsOf(query, [piece]);
    const choices = JSON.stringify([{ index, delta, logprobs, finish_reason: finish }]);
    list.push({ data: `data: ${prefix}${choices}${suffix}`, token });
  };
  for (const index of answer.choices.keys()) {
    add(index, { role: 'assistant', content: '', refusal: null }, false, undefined, null);
  }
  // Several answers grow side by side.
  const deltas = answer.choices.map(deltasOf);
  for (let at = 0; deltas.some((one) => at < one.length); at++) {
    for (const [index, one] of deltas.entries()) {
      const next = one[at];
      if (next !== undefined) add(index, next.delta, !isOpening(next.delta), next.piece, null);
    }
  }
  for (const [index, choice] of answer.choices.entries()) add(index, {}, false, undefined, choice.finish);
  if (query.includeUsage) {
    list.push({ data: `data: ${prefix}[],"usage":${JSON.stringify(usageOf(answer))}}\n\n`, token: false });
  }
  if (done) list.push({ data: 'data: [DONE]\n\n', token: false });
  return list;
}

/** The first delta of a tool call carries its name but no token. */
function isOpening(delta: object): boolean {
  const calls = (delta as { readonly tool_calls?: readonly { readonly id?: string }[] }).tool_calls;
  return calls?.[0]?.id !== undefined;
}

/** OpenAI's chat completions. */
export const openai: Dialect = {
  streamType: 'text/event-stream; charset=utf-8',
  serves: (method, path) => method === 'POST' && path.endsWith('/chat/completions'),
  parse: (_path, text) => parseRequest(text),
  body,
  events,
  malformed: (answer, query, created) => `data: ${prefixOf(answer, query, created)}[{"index":0,"delta":{"content":\n\n`,
  error: openAiError,
  errorEvent: (error) => `data: ${JSON.stringify({ error: error.body })}\n\n`,
};
