import type { EmitChunk, Frame, StreamDecoder } from '../../kernel/adapter.ts';
import { valueAt } from '../../kernel/json-text.ts';
import { isObject, type JsonObject, parseObject, text } from '../shared/json-body.ts';
import { leftovers } from '../shared/leftovers.ts';
import { streamCut } from '../shared/provider-fault.ts';
import { Answer } from './answer.ts';
import { extraOf } from './dialect.ts';

const endMembers = new Set(['finish_reason', 'usage', 'error']);

/** A member that is an object, else an empty one. */
const inner = (object: JsonObject, name: string): JsonObject => {
  const value = object[name];
  return isObject(value) ? value : {};
};

/** Decodes the events of a streamed message ("A Guide to Streaming Responses"); `message-end` alone makes it whole. */
export class EventDecoder implements StreamDecoder {
  readonly #answer = new Answer();
  #whole = false;

  push(frame: Frame, emit: EmitChunk): void {
    if (frame.data === '[DONE]') return;
    const event = parseObject(frame.data, 'an event that is not a JSON object');
    const answer = this.#answer;
    const delta = inner(event, 'delta');
    const message = inner(delta, 'message');
    const at =
      (...path: string[]) =>
      () =>
        valueAt(frame.data, ['delta', 'message', ...path]) ?? '{}';
    switch (event['type']) {
      case 'message-start':
        answer.chunks.id = text(event['id']);
        break;
      case 'content-start':
        answer.content(inner(message, 'content'), at('content'), emit);
        break;
      case 'content-delta':
        answer.piece(inner(message, 'content'), emit);
        answer.logprobs(event['logprobs'], emit);
        break;
      case 'tool-plan-delta':
        answer.plan(text(message['tool_plan']), emit);
        break;
      case 'tool-call-start':
        answer.call(inner(message, 'tool_calls'), at('tool_calls'), emit);
        break;
      case 'tool-call-delta':
        answer.arguments(text(inner(inner(message, 'tool_calls'), 'function')['arguments']), emit);
        break;
      case 'citation-start':
        answer.cite(message['citations'], at('citations')(), emit);
        break;
      case 'message-end':
        this.#end(delta, () => valueAt(frame.data, ['delta']) ?? '{}', emit);
        break;
      // Ends of blocks tell nothing, and the protocol may grow.
      default:
    }
  }

  end(): void {
    if (!this.#whole) throw streamCut();
  }

  #end(delta: JsonObject, source: () => string, emit: EmitChunk): void {
    const last = this.#answer.finish(delta, source, emit);
    last.extra = extraOf(leftovers(delta, endMembers, source));
    this.#whole = true;
    emit(last);
  }
}
