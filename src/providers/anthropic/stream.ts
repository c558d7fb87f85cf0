import type { EmitChunk, Frame, StreamDecoder } from '../../kernel/adapter.ts';
import { members, splice, valueAt } from '../../kernel/json-text.ts';
import type { ChatChunk } from '../../kernel/messages.ts';
import { BlockChunks } from '../shared/block-chunks.ts';
import { isObject, type JsonObject, malformed, parseObject, text } from '../shared/json-body.ts';
import { joined, leftovers, picked } from '../shared/leftovers.ts';
import { streamCut } from '../shared/provider-fault.ts';
import { AnswerBlocks } from './answer-blocks.ts';
import { dialect, extraOf } from './dialect.ts';
import { faultOfEvent } from './fault.ts';
import { finishReason } from './finish.ts';
import { endMembers, messageMembers, refusalOf } from './response.ts';
import { usageOf } from './usage.ts';

const eventMembers = new Set(['type', 'delta', 'usage']);
const deltaMembers = new Set(['stop_reason', ...endMembers]);

/** Decodes the events of a streamed message (Anthropic, "Streaming Messages"); `message_stop` alone makes it whole. */
export class MessageDecoder implements StreamDecoder {
  readonly #chunks = new BlockChunks(dialect);
  readonly #blocks = new AnswerBlocks(this.#chunks);
  #usage: JsonObject = {};
  #usageSource = '{}';
  #begun = false;
  /** The chunk that ends the answer, held until nothing can be said beside it. */
  #last: ChatChunk | undefined;
  #whole = false;

  push(frame: Frame, emit: EmitChunk): void {
    if (frame.event === 'ping') return;
    const event = parseObject(frame.data, 'an event that is not a JSON object');
    if (frame.event === 'error') throw faultOfEvent(event);
    switch (event['type']) {
      case 'message_start':
        this.#start(event, frame.data, emit);
        break;
      case 'content_block_start': {
        const block = event['content_block'];
        if (!isObject(block)) throw malformed('a block start without its block');
        this.#blocks.start(block, valueAt(frame.data, ['content_block']) ?? '{}', emit);
        break;
      }
      case 'content_block_delta': {
        const delta = event['delta'];
        if (!isObject(delta)) throw malformed('a block delta without its delta');
        this.#blocks.delta(delta, () => valueAt(frame.data, ['delta']) ?? '{}', emit);
        break;
      }
      case 'content_block_stop':
        this.#blocks.stop(emit);
        break;
      case 'message_delta':
        this.#delta(event, frame.data, emit);
        break;
      case 'message_stop':
        this.#stop(event, frame.data, emit);
        break;
      case 'error':
        throw faultOfEvent(event);
      // The protocol may grow; the provider asks clients to pass over what they do not know.
      default:
    }
  }

  end(): void {
    if (this.#whole) return;
    throw streamCut();
  }

  #start(event: JsonObject, source: string, emit: EmitChunk): void {
    const message = event['message'];
    if (!isObject(message)) throw malformed('a message start without its message');
    this.#begun = true;
    const chunks = this.#chunks;
    chunks.id = text(message['id']);
    chunks.model = text(message['model']);
    this.#count(message['usage'], () => valueAt(source, ['message', 'usage']));
    const head = chunks.head();
    head.usage = usageOf(this.#usage, () => this.#usageSource);
    head.extra = extraOf(leftovers(message, messageMembers, () => valueAt(source, ['message'])));
    emit(head);
  }

  #delta(event: JsonObject, source: string, emit: EmitChunk): void {
    const delta = event['delta'];
    if (!this.#begun || !isObject(delta)) throw malformed('a message delta that fits no message');
    const end = () => valueAt(source, ['delta']);
    this.#count(event['usage'], () => valueAt(source, ['usage']));
    const native = text(delta['stop_reason']);
    const usage = usageOf(this.#usage, () => this.#usageSource);
    const last = this.#chunks.finish(
      finishReason(native),
      native,
      refusalOf(delta),
      extraOf(picked(delta, endMembers, end)),
      usage,
    );
    last.extra = extraOf(
      joined(
        leftovers(delta, deltaMembers, end),
        leftovers(event, eventMembers, () => source),
      ),
    );
    if (this.#last) emit(this.#last);
    this.#last = last;
  }

  #stop(event: JsonObject, source: string, emit: EmitChunk): void {
    const last = this.#last;
    if (last === undefined) throw malformed('a message stop before its end');
    const beside = leftovers(event, eventMembers, () => source);
    if (beside !== '') last.extra = extraOf(joined(last.extra[dialect] ?? '', beside));
    this.#last = undefined;
    this.#whole = true;
    emit(last);
  }

  /** Later counts stand for earlier ones; null says nothing. */
  #count(usage: unknown, source: () => string | undefined): void {
    if (!isObject(usage)) return;
    const changes: Record<string, string> = {};
    for (const [name, value] of members(source() ?? '{}')) if (value !== 'null') changes[name] = value;
    this.#usageSource = splice(this.#usageSource, changes);
    this.#usage = parseObject(this.#usageSource);
    this.#chunks.serviceTier = text(this.#usage['service_tier']);
  }
}
