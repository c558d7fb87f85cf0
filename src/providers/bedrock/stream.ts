import type { EmitChunk, Frame, StreamDecoder } from '../../kernel/adapter.ts';
import { valueAt } from '../../kernel/json-text.ts';
import type { ChatChunk } from '../../kernel/messages.ts';
import { BlockChunks } from '../shared/block-chunks.ts';
import { isObject, type JsonObject, malformed, parseObject, text } from '../shared/json-body.ts';
import { joined, leftovers } from '../shared/leftovers.ts';
import { streamCut } from '../shared/provider-fault.ts';
import { AnswerBlocks } from './answer-blocks.ts';
import { dialect, extraOf } from './dialect.ts';
import { faultOfException } from './fault.ts';
import { finishReason } from './finish.ts';
import { serviceTierOf } from './response.ts';
import { usageOf } from './usage.ts';

/** Members of the last events that have a typed place; `p` is padding against side channels. */
const typed = new Set(['stopReason', 'usage', 'serviceTier', 'p']);

/** Decodes the events of ConverseStream. `messageStop` makes the answer whole, `metadata` with the counts follows it. */
export class ConverseDecoder implements StreamDecoder {
  readonly #chunks = new BlockChunks(dialect);
  readonly #blocks = new AnswerBlocks(this.#chunks);
  #index: unknown;
  /** The chunk that ends the answer, held for the counts that come behind it. */
  #last: ChatChunk | undefined;
  #whole = false;

  push({ event, data }: Frame, emit: EmitChunk): void {
    if (/(exception|error)$/i.test(event)) throw faultOfException(event, data);
    const body = parseObject(data, 'an event that is not a JSON object');
    switch (event) {
      case 'messageStart':
        emit(this.#chunks.head());
        break;
      case 'contentBlockStart': {
        const start = body['start'];
        if (!isObject(start)) throw malformed('a block start that tells nothing');
        this.#enter(body);
        this.#blocks.start(start, () => valueAt(data, ['start']) ?? '{}', emit);
        break;
      }
      case 'contentBlockDelta': {
        const delta = body['delta'];
        if (!isObject(delta)) throw malformed('a block delta without its delta');
        this.#enter(body);
        this.#blocks.delta(delta, () => valueAt(data, ['delta']) ?? '{}', emit);
        break;
      }
      case 'contentBlockStop':
        this.#blocks.stop(emit);
        break;
      case 'messageStop': {
        this.#whole = true;
        const native = text(body['stopReason']);
        const last = this.#chunks.finish(finishReason(native), native, '', {}, undefined);
        last.extra = extraOf(leftovers(body, typed, () => data));
        this.#last = last;
        break;
      }
      case 'metadata':
        this.#metadata(body, data, emit);
        break;
      default:
    }
  }

  end(emit: EmitChunk, broken = false): void {
    // The counts come last: a connection that broke before them has lost them.
    if (!this.#whole || (broken && this.#last !== undefined)) throw streamCut();
    if (this.#last) emit(this.#last);
  }

  /** Blocks of text and reasoning have no start event: another index begins the next one. */
  #enter(body: JsonObject): void {
    const index = body['contentBlockIndex'];
    if (index === this.#index) return;
    this.#index = index;
    this.#blocks.begin();
  }

  #metadata(body: JsonObject, data: string, emit: EmitChunk): void {
    const usage = body['usage'];
    this.#chunks.serviceTier = serviceTierOf(body);
    const counted = isObject(usage) ? usageOf(usage, () => valueAt(data, ['usage'])) : undefined;
    const chunk = this.#last ?? this.#chunks.chunk();
    this.#last = undefined;
    if (counted) chunk.usage = counted;
    chunk.serviceTier = this.#chunks.serviceTier;
    chunk.extra = extraOf(
      joined(
        chunk.extra[dialect] ?? '',
        leftovers(body, typed, () => data),
      ),
    );
    emit(chunk);
  }
}
