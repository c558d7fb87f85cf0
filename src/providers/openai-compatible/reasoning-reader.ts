import type { Delta } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { ReasoningPart } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { newPart } from '../../kernel/messages.ts';
import { type JsonObject, text } from '../shared/json-body.ts';
import type { PartPositions } from '../shared/part-positions.ts';
import { sign } from '../shared/signed-part.ts';

/**
 * `reasoning_details` (OpenRouter, and gateways that follow it): reasoning with what proves it. Plain text stays plain;
 * a detail that has more (a signature, an id, encrypted data, a summary) or that follows another becomes a part.
 */
export class ReasoningReader {
  readonly #positions: PartPositions;
  readonly #type: string;
  /** What came so far of each detail, where each text repeats it. */
  readonly #sofar: Map<string, string> | undefined;
  /** The format of each detail, told with its first part alone: callers add up what they are told twice. */
  readonly #formats = new Map<string, string>();
  #current = '';
  #at = 0;
  #begun = false;

  constructor(positions: PartPositions, type: string, cumulative: boolean) {
    this.#positions = positions;
    this.#type = type;
    this.#sofar = cumulative ? new Map() : undefined;
  }

  /** Reads one detail into a delta; a delta takes one only, as its text goes to the part that is last then. */
  read(detail: JsonObject, delta: Delta): void {
    const kind = text(detail['type']);
    const key = `${String(detail['index'] ?? detail['id'] ?? 0)}:${kind}`;
    const words = this.#news(key, text(detail['text']) || text(detail['summary']));
    const part = this.#part(detail, kind);
    const plain = part.signature === '' && part.redacted === '' && part.id === '' && !part.summary;
    const follows = this.#begun && key !== this.#current;
    if (follows) this.#at = this.#positions.begin('reasoning');
    else if (!this.#begun || words !== '') this.#at = this.#positions.reasoning();
    this.#current = key;
    this.#begun = true;
    delta.reasoningContent = words;
    const format = text(detail['format']);
    if (format !== '' && !this.#formats.has(key)) this.#formats.set(key, format);
    if (plain && !follows) return;
    const piece = sign(newPart({ case: 'reasoning', value: part }), this.#type);
    const untold = this.#formats.get(key) ?? '';
    if (untold !== '') piece.extra[this.#type] = JSON.stringify({ format: untold });
    this.#formats.set(key, '');
    delta.parts.push({ $typeName: 'llmbridge.v1.PartDelta', index: this.#at, part: piece });
  }

  #news(key: string, words: string): string {
    if (this.#sofar === undefined) return words;
    const before = this.#sofar.get(key) ?? '';
    const repeats = words.startsWith(before);
    this.#sofar.set(key, repeats ? words : before + words);
    return repeats ? words.slice(before.length) : words;
  }

  #part(detail: JsonObject, kind: string): ReasoningPart {
    return {
      $typeName: 'llmbridge.v1.ReasoningPart',
      text: '',
      signature: text(detail['signature']),
      redacted: text(detail['data']),
      id: text(detail['id']),
      summary: kind === 'reasoning.summary',
    };
  }
}
