import type { Answer, SimulatedChoice } from '../answer.ts';
import type { Dialect, WireError, WireEvent } from '../dialect.ts';
import type { Query } from '../query.ts';
import type { SimulatedError } from '../simulated-error.ts';
import { callId, type WireCall } from './call-input.ts';
import { parseChat } from './cohere-request.ts';
import { firstChoice, thoughtOf, thoughtPieces } from './first-choice.ts';
import { retryHeader } from './openai-error.ts';
import { namedEvent, TypedEvents } from './sse.ts';

const finishReasons: Readonly<Record<string, string>> = {
  stop: 'COMPLETE',
  length: 'MAX_TOKENS',
  tool_calls: 'TOOL_CALL',
  content_filter: 'ERROR',
};

const finishOf = ({ finish, stopSequence }: SimulatedChoice): string =>
  finish === 'stop' && stopSequence !== undefined ? 'STOP_SEQUENCE' : (finishReasons[finish] ?? finish);

const usageOf = ({ usage }: Answer) => ({
  billed_units: { input_tokens: usage.prompt, output_tokens: usage.completion },
  tokens: {
    input_tokens: usage.prompt,
    output_tokens: usage.completion,
    ...(usage.reasoning > 0 ? { reasoning_tokens: usage.reasoning } : {}),
  },
  cached_tokens: usage.cached,
});

const callOf = (call: WireCall, written: string) => ({
  id: callId(call, `${call.name}_`),
  type: 'function',
  function: { name: call.name, arguments: written },
});

function body(answer: Answer, query: Query): string {
  const choice = firstChoice(answer);
  const content: object[] = [];
  const thinking = thoughtOf(choice, query);
  if (thinking !== '') content.push({ type: 'thinking', thinking });
  if (choice.content.length > 0) content.push({ type: 'text', text: choice.content.join('') });
  return JSON.stringify({
    id: answer.id,
    message: {
      role: 'assistant',
      ...(content.length > 0 ? { content } : {}),
      ...(choice.calls.length > 0
        ? { tool_calls: choice.calls.map((call) => callOf(call, call.pieces.join(''))) }
        : {}),
    },
    finish_reason: finishOf(choice),
    usage: usageOf(answer),
  });
}

const inContent = (content: object) => ({ message: { content } });

function events(answer: Answer, query: Query, _created: number, done: boolean): WireEvent[] {
  const choice = firstChoice(answer);
  const events = new TypedEvents();
  const message = { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] };
  events.add({ type: 'message-start', id: answer.id, delta: { message } });
  let index = 0;
  for (const [type, pieces] of [
    ['thinking', thoughtPieces(choice, query)],
    ['text', choice.content],
  ] as const) {
    if (pieces.length === 0) continue;
    events.add({ type: 'content-start', index, delta: inContent({ type, [type]: '' }) });
    for (const piece of pieces) events.add({ type: 'content-delta', index, delta: inContent({ [type]: piece }) }, true);
    events.add({ type: 'content-end', index });
    index++;
  }
  for (const [at, call] of choice.calls.entries()) {
    events.add({ type: 'tool-call-start', index: at, delta: { message: { tool_calls: callOf(call, '') } } });
    for (const piece of call.pieces) {
      const delta = { message: { tool_calls: { function: { arguments: piece } } } };
      events.add({ type: 'tool-call-delta', index: at, delta }, true);
    }
    events.add({ type: 'tool-call-end', index: at });
  }
  if (done) events.add({ type: 'message-end', delta: { finish_reason: finishOf(choice), usage: usageOf(answer) } });
  return events.list;
}

const CONTEXT =
  'too many tokens: total number of tokens in the prompt cannot exceed 128000 - received 250000. Try using a shorter prompt.';

const messageOf = ({ body: { code, message } }: SimulatedError): string =>
  code === 'context_length_exceeded' ? CONTEXT : message;

const error = (simulated: SimulatedError): WireError => ({
  status: simulated.status,
  headers: retryHeader(simulated),
  body: JSON.stringify({ id: '00000000-0000-4000-8000-000000000000', message: messageOf(simulated) }),
});

/** Cohere's v2 chat. */
export const cohere: Dialect = {
  streamType: 'text/event-stream',
  serves: (method, path) => method === 'POST' && path.endsWith('/v2/chat'),
  parse: (_path, text) => parseChat(text),
  body,
  events,
  malformed: () =>
    namedEvent('content-delta', '{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":'),
  error,
  errorEvent: (simulated) =>
    namedEvent(
      'message-end',
      JSON.stringify({ type: 'message-end', delta: { finish_reason: 'ERROR', error: messageOf(simulated) } }),
    ),
};
