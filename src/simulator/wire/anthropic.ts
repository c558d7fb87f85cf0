import type { Answer, SimulatedChoice } from '../answer.ts';
import type { Dialect, WireError, WireEvent } from '../dialect.ts';
import type { Query } from '../query.ts';
import { signatureOf } from '../signature.ts';
import type { SimulatedError } from '../simulated-error.ts';
import { isMessagesPath, parseMessages } from './anthropic-request.ts';
import { callId, inputOf } from './call-input.ts';
import { firstChoice, thoughtOf, thoughtPieces } from './first-choice.ts';
import { retryHeader } from './openai-error.ts';
import { namedEvent, TypedEvents } from './sse.ts';

const stopReasons: Readonly<Record<string, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
};

const endOf = ({ finish, stopSequence }: SimulatedChoice) => ({
  stop_reason: finish === 'stop' && stopSequence !== undefined ? 'stop_sequence' : (stopReasons[finish] ?? finish),
  stop_sequence: stopSequence ?? null,
});

const usageOf = ({ usage }: Answer) => ({
  input_tokens: usage.prompt - usage.cached,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: usage.cached,
  output_tokens: usage.completion,
  ...(usage.reasoning > 0 ? { output_tokens_details: { thinking_tokens: usage.reasoning } } : {}),
});

const headOf = (answer: Answer, query: Query) => ({
  id: `msg_${answer.id}`,
  type: 'message',
  role: 'assistant',
  model: query.model,
});

function body(answer: Answer, query: Query): string {
  const choice = firstChoice(answer);
  const content: object[] = [];
  const thinking = thoughtOf(choice, query);
  if (choice.reasoning.length > 0) content.push({ type: 'thinking', thinking, signature: signatureOf(thinking) });
  if (choice.content.length > 0) content.push({ type: 'text', text: choice.content.join('') });
  for (const call of choice.calls) {
    content.push({ type: 'tool_use', id: callId(call, 'toolu_'), name: call.name, input: inputOf(call) });
  }
  const usage = { ...usageOf(answer), service_tier: 'standard' };
  return JSON.stringify({ ...headOf(answer, query), content, ...endOf(choice), usage });
}

/** The blocks of an answer, each with its start and its deltas; whether a delta carries a token stands beside it. */
function* blocksOf(
  choice: SimulatedChoice,
  query: Query,
): Generator<readonly [start: object, deltas: [object, boolean][]]> {
  if (choice.reasoning.length > 0) {
    const pieces = thoughtPieces(choice, query);
    yield [
      { type: 'thinking', thinking: '', signature: '' },
      [
        ...pieces.map((thinking): [object, boolean] => [{ type: 'thinking_delta', thinking }, true]),
        [{ type: 'signature_delta', signature: signatureOf(thoughtOf(choice, query)) }, false],
      ],
    ];
  }
  if (choice.content.length > 0) {
    yield [{ type: 'text', text: '' }, choice.content.map((text) => [{ type: 'text_delta', text }, true])];
  }
  for (const call of choice.calls) {
    yield [
      { type: 'tool_use', id: callId(call, 'toolu_'), name: call.name, input: {} },
      [
        [{ type: 'input_json_delta', partial_json: '' }, false],
        ...call.pieces.map((piece): [object, boolean] => [{ type: 'input_json_delta', partial_json: piece }, true]),
      ],
    ];
  }
}

function events(answer: Answer, query: Query, _created: number, done: boolean): WireEvent[] {
  const choice = firstChoice(answer);
  const events = new TypedEvents();
  const usage = { ...usageOf(answer), service_tier: 'standard', output_tokens: 1, output_tokens_details: undefined };
  const message = { ...headOf(answer, query), content: [], stop_reason: null, stop_sequence: null, usage };
  events.add({ type: 'message_start', message });
  let index = 0;
  for (const [start, deltas] of blocksOf(choice, query)) {
    events.add({ type: 'content_block_start', index, content_block: start });
    if (index === 0) events.add({ type: 'ping' });
    for (const [delta, token] of deltas) events.add({ type: 'content_block_delta', index, delta }, token);
    events.add({ type: 'content_block_stop', index });
    index++;
  }
  events.add({ type: 'message_delta', delta: endOf(choice), usage: usageOf(answer) });
  if (done) events.add({ type: 'message_stop' });
  return events.list;
}

const errorTypes: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'conflict_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

/** Its own words for what the API tells by words alone. */
const messages: Readonly<Record<string, string>> = {
  context_length_exceeded: 'prompt is too long: 250000 tokens > 200000 maximum',
  content_policy_violation: 'Output blocked by content filtering policy',
  overloaded: 'Overloaded',
};

/** `{"type":"error","error":{...}}`; a used-up quota is a 400 here. */
function errorBody({ status, body: { code, message } }: SimulatedError): { status: number; error: object } {
  if (code === 'insufficient_quota') {
    const error = { type: 'invalid_request_error', message: 'Your credit balance is too low to access the API.' };
    return { status: 400, error };
  }
  const type = errorTypes[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
  return { status, error: { type, message: messages[code ?? ''] ?? message } };
}

function error(simulated: SimulatedError): WireError {
  const { status, error: told } = errorBody(simulated);
  const body = JSON.stringify({ type: 'error', error: told, request_id: 'req_simulated' });
  return { status, headers: { ...retryHeader(simulated), 'request-id': 'req_simulated' }, body };
}

/** Anthropic's Messages API, and its models on Vertex AI. */
export const anthropic: Dialect = {
  streamType: 'text/event-stream; charset=utf-8',
  serves: (method, path) => method === 'POST' && isMessagesPath(path),
  parse: parseMessages,
  body,
  events,
  malformed: () =>
    namedEvent('content_block_delta', '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":'),
  error,
  errorEvent: (simulated) => namedEvent('error', JSON.stringify({ type: 'error', error: errorBody(simulated).error })),
};
