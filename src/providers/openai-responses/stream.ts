import type { EmitChunk, Frame, StreamDecoder } from '../../kernel/adapter.ts';
import { valueAt } from '../../kernel/json-text.ts';
import { errorFault } from '../openai-compatible/errors.ts';
import { BlockChunks } from '../shared/block-chunks.ts';
import { count, isObject, type JsonObject, malformed, parseObject, text } from '../shared/json-body.ts';
import { streamCut } from '../shared/provider-fault.ts';
import { AnswerItems } from './answer-items.ts';
import { dialect } from './dialect.ts';
import { errorCodes } from './errors.ts';
import { lastChunk, outputOf, readHead, throwFailed } from './response.ts';

/** An event, read, and its source. */
interface Event {
  readonly type: string;
  readonly body: JsonObject;
  readonly json: string;
  readonly item: number;
}

/**
 * Decodes the events of a streamed response (OpenAI's API reference, "Streaming events"); `response.completed` or
 * `response.incomplete` alone makes it whole. Items are told one after the other: events of one that began before the
 * item under way has ended wait for that end.
 */
export class ResponseDecoder implements StreamDecoder {
  readonly #type: string;
  readonly #chunks = new BlockChunks(dialect);
  readonly #items = new AnswerItems(this.#chunks);
  #waiting: Event[] = [];
  /** The item under way. */
  #at: number | undefined;
  /** Items told whole. */
  readonly #told = new Set<number>();
  #begun = false;
  #whole = false;

  constructor(type: string) {
    this.#type = type;
  }

  push(frame: Frame, emit: EmitChunk): void {
    const json = frame.data.trim();
    if (this.#whole || json === '' || json === '[DONE]') return;
    const body = parseObject(json, 'an event that is not a JSON object');
    const type = text(body['type']) || frame.event;
    switch (type) {
      case 'error':
        throw errorFault(body, errorCodes);
      case 'response.created':
      case 'response.queued':
      case 'response.in_progress':
        this.#begin(responseOf(body), emit);
        return;
      case 'response.failed':
      case 'response.cancelled':
        throwFailed({ status: 'failed', ...responseOf(body) });
        return;
      case 'response.completed':
      case 'response.incomplete':
        this.#end(responseOf(body), valueAt(json, ['response']) ?? '{}', emit);
        return;
      default: {
        if (type === '' && isObject(body['error'])) throw errorFault(body, errorCodes);
        const item = count(body['output_index']);
        if (item !== undefined) this.#ofItem({ type, body, json, item }, emit);
      }
    }
  }

  end(): void {
    if (this.#whole) return;
    throw streamCut();
  }

  #begin(response: JsonObject, emit: EmitChunk): void {
    throwFailed(response);
    readHead(this.#chunks, response);
    if (this.#begun) return;
    this.#begun = true;
    emit(this.#chunks.head());
  }

  #ofItem(event: Event, emit: EmitChunk): void {
    if (this.#told.has(event.item)) return;
    if (this.#at !== undefined && this.#at !== event.item) {
      this.#waiting.push(event);
      return;
    }
    const { type, body, json } = event;
    if (type === 'response.output_item.added' || type === 'response.output_item.done') {
      const item = body['item'];
      if (!isObject(item)) throw malformed('an output item that is not an object');
      if (this.#at === undefined) this.#items.start(item, emit);
      this.#at = event.item;
      if (type === 'response.output_item.done') this.#stop(item, valueAt(json, ['item']) ?? '{}', emit);
    } else if (this.#at !== undefined) this.#delta(event, emit);
  }

  #delta({ type, body, json }: Event, emit: EmitChunk): void {
    const index = count(body['content_index']) ?? 0;
    switch (type) {
      case 'response.output_text.delta':
        this.#items.text(index, body['delta'], body['logprobs'], emit);
        return;
      case 'response.refusal.delta':
        this.#items.refusal(index, body['delta'], emit);
        return;
      case 'response.output_text.annotation.added':
        this.#items.annotation(index, valueAt(json, ['annotation']) ?? '{}', emit);
        return;
      case 'response.content_part.done': {
        const part = body['part'];
        // The reasoning's own parts end with their item.
        if (!isObject(part) || part['type'] === 'reasoning_text') return;
        this.#items.content(index, part, valueAt(json, ['part']) ?? '{}', emit);
        return;
      }
      case 'response.reasoning_summary_text.delta':
        this.#items.reasoning('summary', count(body['summary_index']) ?? 0, body['delta'], emit);
        return;
      case 'response.reasoning_text.delta':
        this.#items.reasoning('content', index, body['delta'], emit);
        return;
      case 'response.function_call_arguments.delta':
      case 'response.custom_tool_call_input.delta':
        this.#items.arguments(body['delta'], emit);
        return;
      default:
      // What is left repeats what the item's end says, or tells of progress.
    }
  }

  #stop(item: JsonObject, source: string, emit: EmitChunk): void {
    this.#items.stop(item, source, emit);
    if (this.#at !== undefined) this.#told.add(this.#at);
    this.#at = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const event of waiting) this.#ofItem(event, emit);
  }

  /** Tells what no event of its own told of the output, then the end. */
  #end(response: JsonObject, source: string, emit: EmitChunk): void {
    throwFailed(response);
    const output = outputOf(response);
    for (let i = 0; i < output.length; i++) {
      const item = output[i];
      if (this.#told.has(i) || !isObject(item)) continue;
      if (this.#at === undefined) {
        this.#items.start(item, emit);
        this.#at = i;
      }
      if (this.#at === i) this.#stop(item, valueAt(source, ['output', i]) ?? '{}', emit);
    }
    if (this.#at !== undefined) throw malformed('a response that ends amid an item');
    this.#whole = true;
    emit(lastChunk(this.#chunks, response, source, this.#items.calls, this.#type));
  }
}

function responseOf(body: JsonObject): JsonObject {
  const response = body['response'];
  if (!isObject(response)) throw malformed('an event without its response');
  return response;
}
