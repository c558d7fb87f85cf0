import type { Answer, SimulatedChoice } from '../answer.ts';
import type { Dialect, WireError, WireEvent } from '../dialect.ts';
import type { Query } from '../query.ts';
import { signatureOf } from '../signature.ts';
import type { SimulatedError } from '../simulated-error.ts';
import { inputOf } from './call-input.ts';
import { thoughtOf, thoughtPieces } from './first-choice.ts';
import { isGeneratePath, parseGenerate } from './gemini-request.ts';

const SSE = 'text/event-stream';

const finishReasons: Readonly<Record<string, string>> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  tool_calls: 'STOP',
  content_filter: 'SAFETY',
};

const finishOf = ({ finish }: SimulatedChoice): string => finishReasons[finish] ?? finish;

const tokensOf = (count: number) => [{ modality: 'TEXT', tokenCount: count }];

/** Here the answer's tokens leave out those of thinking. */
const usageOf = ({ usage }: Answer) => ({
  promptTokenCount: usage.prompt,
  candidatesTokenCount: usage.completion - usage.reasoning,
  totalTokenCount: usage.prompt + usage.completion,
  promptTokensDetails: tokensOf(usage.prompt),
  ...(usage.cached > 0 ? { cachedContentTokenCount: usage.cached, cacheTokensDetails: tokensOf(usage.cached) } : {}),
  ...(usage.reasoning > 0 ? { thoughtsTokenCount: usage.reasoning } : {}),
});

/** The proof of having thought: on the first call, else at the end of the text. */
const proofOf = ({ reasoning }: SimulatedChoice) =>
  reasoning.length > 0 ? { thoughtSignature: signatureOf(reasoning.join('')) } : {};

const callParts = (choice: SimulatedChoice): object[] =>
  choice.calls.map((call, index) => ({
    functionCall: { name: call.name, args: inputOf(call) },
    ...(index === 0 ? proofOf(choice) : {}),
  }));

const ratings = [{ category: 'HARM_CATEGORY_DANGEROUS_CONTENT', probability: 'HIGH', blocked: true }];

/** What says how a candidate ended. */
const endOf = (choice: SimulatedChoice) => ({
  finishReason: finishOf(choice),
  ...(choice.finish === 'content_filter' ? { safetyRatings: ratings } : {}),
  ...(choice.calls.length > 0 ? { finishMessage: 'Model generated function call(s).' } : {}),
});

const tailOf = (answer: Answer, query: Query) => ({
  usageMetadata: usageOf(answer),
  modelVersion: query.model,
  responseId: answer.id,
});

function partsOf(choice: SimulatedChoice, query: Query): object[] {
  const thought = thoughtOf(choice, query);
  const text = choice.content.join('');
  return [
    ...(thought === '' ? [] : [{ text: thought, thought: true }]),
    ...(text === '' ? [] : [{ text, ...proofOf(choice) }]),
    ...callParts(choice),
  ];
}

const body = (answer: Answer, query: Query): string =>
  JSON.stringify({
    candidates: answer.choices.map((choice, index) => ({
      content: { parts: partsOf(choice, query), role: 'model' },
      ...endOf(choice),
      index,
    })),
    ...tailOf(answer, query),
  });

const event = (payload: object): string => `data: ${JSON.stringify(payload)}\n\n`;

/** The parts of a candidate, as they come; whether one carries a token stands beside it. */
function* piecesOf(choice: SimulatedChoice, query: Query): Generator<readonly [part: object, token: boolean]> {
  for (const text of thoughtPieces(choice, query)) yield [{ text, thought: true }, true];
  for (const text of choice.content) yield [{ text }, true];
  for (const part of callParts(choice)) yield [part, true];
}

function events(answer: Answer, query: Query, _created: number, done: boolean): WireEvent[] {
  const list: WireEvent[] = [];
  const tail = tailOf(answer, query);
  const add = (candidate: object, token: boolean) =>
    list.push({ data: event({ candidates: [candidate], ...tail }), token });
  for (const [index, choice] of answer.choices.entries()) {
    for (const [part, token] of piecesOf(choice, query))
      add({ content: { parts: [part], role: 'model' }, index }, token);
    if (!done) continue;
    const last = { text: '', ...(choice.content.length > 0 ? proofOf(choice) : {}) };
    add({ content: { parts: [last], role: 'model' }, ...endOf(choice), index }, false);
  }
  return list;
}

const statuses: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ABORTED',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

const CONTEXT = 'The input token count (1250000) exceeds the maximum number of tokens allowed (1048576).';

/** google.rpc.Status; when to come back stands in a detail, in no header. */
function statusOf({ status, body: { code, message }, retryAfter }: SimulatedError): object {
  const delay = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${retryAfter}s` };
  return {
    error: {
      code: status,
      message: code === 'context_length_exceeded' ? CONTEXT : message,
      status: statuses[status] ?? (status < 500 ? 'INVALID_ARGUMENT' : 'INTERNAL'),
      ...(retryAfter === undefined ? {} : { details: [delay] }),
    },
  };
}

/** A refused prompt is an answer without candidates. */
const blocked = {
  promptFeedback: { blockReason: 'PROHIBITED_CONTENT', safetyRatings: ratings },
  usageMetadata: { promptTokenCount: 1, totalTokenCount: 1 },
  modelVersion: 'sim',
};

function error(simulated: SimulatedError, stream: boolean): WireError {
  if (simulated.body.code !== 'content_policy_violation') {
    return { status: simulated.status, headers: {}, body: JSON.stringify(statusOf(simulated)) };
  }
  return stream
    ? { status: 200, headers: { 'content-type': SSE }, body: event(blocked) }
    : { status: 200, headers: {}, body: JSON.stringify(blocked) };
}

/** Google's generateContent, of AI Studio and of Vertex AI. */
export const gemini: Dialect = {
  streamType: SSE,
  serves: (method, path) => method === 'POST' && isGeneratePath(path),
  parse: parseGenerate,
  body,
  events,
  malformed: () => 'data: {"candidates":[{"content":{"parts":[{"text":\n\n',
  error,
  errorEvent: (simulated) => event(statusOf(simulated)),
};
