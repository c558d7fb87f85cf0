import type { Answer, SimulatedChoice } from '../answer.ts';
import type { Dialect, WireError, WireEvent } from '../dialect.ts';
import type { Query } from '../query.ts';
import { signatureOf } from '../signature.ts';
import type { SimulatedError } from '../simulated-error.ts';
import { isConversePath, parseConverse } from './bedrock-request.ts';
import { callId, inputOf } from './call-input.ts';
import { eventStreamMessage } from './event-stream.ts';
import { firstChoice, thoughtOf, thoughtPieces } from './first-choice.ts';
import { retryHeader } from './openai-error.ts';

const stopReasons: Readonly<Record<string, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'content_filtered',
};

const stopReasonOf = ({ finish, stopSequence }: SimulatedChoice): string =>
  finish === 'stop' && stopSequence !== undefined ? 'stop_sequence' : (stopReasons[finish] ?? finish);

const usageOf = ({ usage }: Answer) => ({
  inputTokens: usage.prompt - usage.cached,
  outputTokens: usage.completion,
  totalTokens: usage.prompt + usage.completion,
  cacheReadInputTokens: usage.cached,
  cacheWriteInputTokens: 0,
});

const metrics = { latencyMs: 1 };

function body(answer: Answer, query: Query): string {
  const choice = firstChoice(answer);
  const content: object[] = [];
  const text = thoughtOf(choice, query);
  if (choice.reasoning.length > 0) {
    content.push({ reasoningContent: { reasoningText: { text, signature: signatureOf(text) } } });
  }
  if (choice.content.length > 0) content.push({ text: choice.content.join('') });
  for (const call of choice.calls) {
    content.push({ toolUse: { toolUseId: callId(call, 'tooluse_'), name: call.name, input: inputOf(call) } });
  }
  return JSON.stringify({
    metrics,
    output: { message: { role: 'assistant', content } },
    stopReason: stopReasonOf(choice),
    usage: usageOf(answer),
  });
}

const event = (name: string, payload: object): Buffer =>
  eventStreamMessage(
    { ':event-type': name, ':content-type': 'application/json', ':message-type': 'event' },
    JSON.stringify(payload),
  );

/** The blocks of an answer: only those of tools have a start; whether a delta carries a token stands beside it. */
function* blocksOf(
  choice: SimulatedChoice,
  query: Query,
): Generator<readonly [start: object | undefined, deltas: [object, boolean][]]> {
  if (choice.reasoning.length > 0) {
    const pieces = thoughtPieces(choice, query);
    const signature = signatureOf(thoughtOf(choice, query));
    yield [
      undefined,
      [
        ...pieces.map((text): [object, boolean] => [{ reasoningContent: { text } }, true]),
        [{ reasoningContent: { signature } }, false],
      ],
    ];
  }
  if (choice.content.length > 0) yield [undefined, choice.content.map((text) => [{ text }, true])];
  for (const call of choice.calls) {
    yield [
      { toolUse: { toolUseId: callId(call, 'tooluse_'), name: call.name } },
      call.pieces.map((input) => [{ toolUse: { input } }, true]),
    ];
  }
}

function events(answer: Answer, query: Query, _created: number, done: boolean): WireEvent[] {
  const choice = firstChoice(answer);
  const list: WireEvent[] = [];
  const add = (name: string, payload: object, token = false) => list.push({ data: event(name, payload), token });
  add('messageStart', { role: 'assistant' });
  let contentBlockIndex = 0;
  for (const [start, deltas] of blocksOf(choice, query)) {
    if (start !== undefined) add('contentBlockStart', { contentBlockIndex, start });
    for (const [delta, token] of deltas) add('contentBlockDelta', { contentBlockIndex, delta }, token);
    add('contentBlockStop', { contentBlockIndex });
    contentBlockIndex++;
  }
  if (!done) return list;
  add('messageStop', { stopReason: stopReasonOf(choice) });
  add('metadata', { usage: usageOf(answer), metrics });
  return list;
}

const exceptions: Readonly<Record<number, string>> = {
  400: 'ValidationException',
  401: 'UnrecognizedClientException',
  403: 'AccessDeniedException',
  404: 'ResourceNotFoundException',
  408: 'ModelTimeoutException',
  424: 'ModelErrorException',
  429: 'ThrottlingException',
  503: 'ServiceUnavailableException',
};

const nameOf = (status: number): string =>
  exceptions[status] ?? (status < 500 ? 'ValidationException' : 'InternalServerException');

/** Its own words for what the API tells by words alone. */
const messages: Readonly<Record<string, string>> = {
  context_length_exceeded: 'Input is too long for requested model.',
  content_policy_violation: 'This request has been blocked by our content filters.',
};

const messageOf = ({ body: { code, message } }: SimulatedError): string => messages[code ?? ''] ?? message;

/** The exception's name stands in a header, with a URL behind it. */
const error = (simulated: SimulatedError): WireError => ({
  status: simulated.status,
  headers: {
    ...retryHeader(simulated),
    'x-amzn-requestid': '00000000-0000-4000-8000-000000000000',
    'x-amzn-errortype': `${nameOf(simulated.status)}:http://internal.amazon.com/coral/com.amazon.bedrock/`,
  },
  body: JSON.stringify({ message: messageOf(simulated) }),
});

/** An exception's name amid a stream begins with a small letter. */
function errorEvent(simulated: SimulatedError): Buffer {
  const name = nameOf(simulated.status);
  return eventStreamMessage(
    {
      ':exception-type': `${name.slice(0, 1).toLowerCase()}${name.slice(1)}`,
      ':content-type': 'application/json',
      ':message-type': 'exception',
    },
    JSON.stringify({ message: messageOf(simulated) }),
  );
}

/** AWS Bedrock's Converse and ConverseStream. */
export const bedrock: Dialect = {
  streamType: 'application/vnd.amazon.eventstream',
  serves: (method, path) => method === 'POST' && isConversePath(path),
  parse: parseConverse,
  body,
  events,
  malformed: () =>
    eventStreamMessage(
      { ':event-type': 'contentBlockDelta', ':content-type': 'application/json', ':message-type': 'event' },
      '{"contentBlockIndex":0,"delta":{"text":',
    ),
  error,
  errorEvent,
};
