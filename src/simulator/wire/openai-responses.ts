import type { Answer, SimulatedChoice } from '../answer.ts';
import type { Dialect, WireEvent } from '../dialect.ts';
import type { Query } from '../query.ts';
import { signatureOf } from '../signature.ts';
import type { WireCall } from './call-input.ts';
import { firstChoice, thoughtOf, thoughtPieces } from './first-choice.ts';
import { openAiError } from './openai-error.ts';
import { parseResponses } from './openai-responses-request.ts';
import { namedEvent, TypedEvents } from './sse.ts';

/** How an answer that is not whole is said to be incomplete. */
const incomplete: Readonly<Record<string, string>> = { length: 'max_output_tokens', content_filter: 'content_filter' };

const usageOf = ({ usage }: Answer) => ({
  input_tokens: usage.prompt,
  input_tokens_details: { cached_tokens: usage.cached },
  output_tokens: usage.completion,
  output_tokens_details: { reasoning_tokens: usage.reasoning },
  total_tokens: usage.prompt + usage.completion,
});

const summaryPart = (text: string) => ({ type: 'summary_text', text });

const textPart = (text: string) => ({ type: 'output_text', annotations: [], logprobs: [], text });

/** An item of the output, before and after it is written. */
interface Item {
  readonly empty: object;
  readonly whole: object;
}

const statusOf = ({ finish }: SimulatedChoice): string => (finish in incomplete ? 'incomplete' : 'completed');

const reasoningItem = (answer: Answer, query: Query, choice: SimulatedChoice): Item => {
  const text = thoughtOf(choice, query);
  const head = { id: `rs_${answer.id}`, type: 'reasoning' };
  const sealed = { encrypted_content: signatureOf(choice.reasoning.join('')) };
  return {
    empty: { ...head, summary: [] },
    whole: { ...head, ...sealed, summary: text === '' ? [] : [summaryPart(text)] },
  };
};

const messageItem = (answer: Answer, choice: SimulatedChoice): Item => {
  const head = { id: `msg_${answer.id}`, type: 'message' };
  const content = [textPart(choice.content.join(''))];
  return {
    empty: { ...head, status: 'in_progress', content: [], role: 'assistant' },
    whole: { ...head, status: statusOf(choice), content, role: 'assistant' },
  };
};

const callIdOf = (call: WireCall): string => call.id.replace(/^call_/, call.custom ? 'ctc_' : 'fc_');

const callItem = (call: WireCall): Item => {
  const head = { id: callIdOf(call), call_id: call.id, name: call.name };
  const written = call.pieces.join('');
  return call.custom
    ? {
        empty: { ...head, type: 'custom_tool_call', status: 'in_progress', input: '' },
        whole: { ...head, type: 'custom_tool_call', status: 'completed', input: written },
      }
    : {
        empty: { ...head, type: 'function_call', status: 'in_progress', arguments: '' },
        whole: { ...head, type: 'function_call', status: 'completed', arguments: written },
      };
};

function outputOf(answer: Answer, query: Query): object[] {
  const choice = firstChoice(answer);
  return [
    ...(choice.reasoning.length > 0 ? [reasoningItem(answer, query, choice).whole] : []),
    ...(choice.content.length > 0 ? [messageItem(answer, choice).whole] : []),
    ...choice.calls.map((call) => callItem(call).whole),
  ];
}

const headOf = (answer: Answer, query: Query, created: number, status: string) => ({
  id: `resp_${answer.id}`,
  object: 'response',
  created_at: created,
  status,
  background: false,
  error: null,
  incomplete_details: null,
  instructions: null,
  max_output_tokens: query.maxTokens ?? null,
  model: query.model,
  parallel_tool_calls: query.parallel,
  previous_response_id: null,
  reasoning: { effort: query.effort ?? null, summary: null },
  service_tier: 'default',
  store: false,
  temperature: 1,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  truncation: 'disabled',
  user: null,
  metadata: {},
});

function responseOf(answer: Answer, query: Query, created: number): object {
  const choice = firstChoice(answer);
  const reason = incomplete[choice.finish];
  return {
    ...headOf(answer, query, created, statusOf(choice)),
    ...(reason === undefined ? {} : { incomplete_details: { reason } }),
    output: outputOf(answer, query),
    usage: usageOf(answer),
  };
}

/** Events as this API writes them: numbered, each item added, written and done. */
class ItemEvents extends TypedEvents {
  #index = 0;

  next(type: string, members: object, token = false): void {
    this.add({ type, sequence_number: this.list.length, ...members }, token);
  }

  item({ empty, whole }: Item, write: (at: { readonly item_id: string; readonly output_index: number }) => void): void {
    const index = this.#index++;
    this.next('response.output_item.added', { output_index: index, item: empty });
    write({ item_id: (whole as { readonly id: string }).id, output_index: index });
    this.next('response.output_item.done', { output_index: index, item: whole });
  }
}

function writeReasoning(events: ItemEvents, answer: Answer, query: Query, choice: SimulatedChoice): void {
  events.item(reasoningItem(answer, query, choice), (item) => {
    const pieces = thoughtPieces(choice, query);
    if (pieces.length === 0) return;
    const at = { ...item, summary_index: 0 };
    const text = pieces.join('');
    events.next('response.reasoning_summary_part.added', { ...at, part: summaryPart('') });
    for (const delta of pieces) events.next('response.reasoning_summary_text.delta', { ...at, delta }, true);
    events.next('response.reasoning_summary_text.done', { ...at, text });
    events.next('response.reasoning_summary_part.done', { ...at, part: summaryPart(text) });
  });
}

function writeMessage(events: ItemEvents, answer: Answer, choice: SimulatedChoice): void {
  events.item(messageItem(answer, choice), (item) => {
    const at = { ...item, content_index: 0 };
    const text = choice.content.join('');
    events.next('response.content_part.added', { ...at, part: textPart('') });
    for (const delta of choice.content) events.next('response.output_text.delta', { ...at, delta, logprobs: [] }, true);
    events.next('response.output_text.done', { ...at, text, logprobs: [] });
    events.next('response.content_part.done', { ...at, part: textPart(text) });
  });
}

function writeCall(events: ItemEvents, call: WireCall): void {
  const kind = call.custom ? 'response.custom_tool_call_input' : 'response.function_call_arguments';
  const written = call.pieces.join('');
  events.item(callItem(call), (item) => {
    for (const delta of call.pieces) events.next(`${kind}.delta`, { ...item, delta }, true);
    events.next(`${kind}.done`, { ...item, ...(call.custom ? { input: written } : { arguments: written }) });
  });
}

function events(answer: Answer, query: Query, created: number, done: boolean): WireEvent[] {
  const choice = firstChoice(answer);
  const events = new ItemEvents();
  const response = { ...headOf(answer, query, created, 'in_progress'), output: [], usage: null };
  events.next('response.created', { response });
  events.next('response.in_progress', { response });
  if (choice.reasoning.length > 0) writeReasoning(events, answer, query, choice);
  if (choice.content.length > 0) writeMessage(events, answer, choice);
  for (const call of choice.calls) writeCall(events, call);
  if (done) events.next(`response.${statusOf(choice)}`, { response: responseOf(answer, query, created) });
  return events.list;
}

/** OpenAI's responses. */
export const openaiResponses: Dialect = {
  streamType: 'text/event-stream; charset=utf-8',
  serves: (method, path) => method === 'POST' && path.endsWith('/responses'),
  parse: (_path, text) => parseResponses(text),
  body: (answer, query, created) => JSON.stringify(responseOf(answer, query, created)),
  events,
  malformed: () => namedEvent('response.output_text.delta', '{"type":"response.output_text.delta","delta":'),
  error: openAiError,
  errorEvent: ({ body: { code, type, message, param } }) =>
    namedEvent('error', JSON.stringify({ type: 'error', sequence_number: 0, code: code ?? type, message, param })),
};
