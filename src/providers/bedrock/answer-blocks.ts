import type { Citation, ContentPart } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import type { EmitChunk } from '../../kernel/adapter.ts';
import { elements, splice, valueAt } from '../../kernel/json-text.ts';
import { type BlockChunks, nativePart, reasoningPart, textPart } from '../shared/block-chunks.ts';
import { isObject, type JsonObject, list, text } from '../shared/json-body.ts';
import { leftovers } from '../shared/leftovers.ts';
import { dialect, extraOf } from './dialect.ts';

const typedCall = new Set(['toolUseId', 'name', 'input']);

/** A tool that the provider runs itself is not the caller's to call. */
const isServerTool = (use: JsonObject): boolean => use['type'] === 'server_tool_use';

/** The content blocks of one answer, whole or in deltas, as chunks. A block's JSON comes parsed and as its source text. */
export class AnswerBlocks {
  readonly #chunks: BlockChunks;
  /** A native block under way, as its name and its value's source. */
  #native: { name: string; source: string } | undefined;
  /** Source of a native block's input so far. */
  #input = '';
  /** Sources of a native tool result's content so far. */
  readonly #results: string[] = [];
  /** A call is under way, and nothing of its arguments was told. */
  #bareCall = false;
  #imageType = '';

  constructor(chunks: BlockChunks) {
    this.#chunks = chunks;
  }

  /** A block that comes whole. */
  whole(block: JsonObject, source: string, emit: EmitChunk): void {
    this.begin();
    const [name = '', value] = Object.entries(block)[0] ?? [];
    const inner = () => valueAt(source, [name]) ?? '{}';
    if (name === 'text') this.#text(text(value), emit);
    else if (name === 'toolUse' && isObject(value) && !isServerTool(value)) {
      this.#call(value, inner(), emit);
      emit(this.#chunks.arguments(valueAt(source, ['toolUse', 'input']) ?? '{}'));
    } else if (name === 'reasoningContent' && isObject(value)) {
      const reasoning = value['reasoningText'];
      if (isObject(reasoning)) this.#reasoning(reasoning, emit);
      this.#reasoning({ redactedContent: value['redactedContent'] }, emit);
    } else if (name === 'citationsContent' && isObject(value)) {
      for (const citation of elements(valueAt(source, [name, 'citations']) ?? '[]')) this.#cite(citation, emit);
      for (const piece of list(value['content'])) if (isObject(piece)) this.#text(text(piece['text']), emit);
    } else if (name === 'image' && isObject(value)) {
      this.#imageType = imageType(value);
      this.#image(value, emit);
    } else {
      emit(this.#chunks.part('other', nativePart(dialect, source)));
    }
  }

  /** The next block begins. */
  begin(): void {
    this.#chunks.begin();
    this.#native = undefined;
    this.#input = '';
    this.#results.length = 0;
    this.#bareCall = false;
    this.#imageType = '';
  }

  /** What a block start tells; text and reasoning have none. */
  start(start: JsonObject, source: () => string, emit: EmitChunk): void {
    const use = start['toolUse'];
    const image = start['image'];
    if (isObject(use) && !isServerTool(use)) {
      this.#call(use, valueAt(source(), ['toolUse']) ?? '{}', emit);
      this.#bareCall = true;
    } else if (isObject(image)) {
      this.#imageType = imageType(image);
    } else {
      const [name = ''] = Object.keys(start);
      this.#native = { name, source: valueAt(source(), [name]) ?? '{}' };
    }
  }

  delta(delta: JsonObject, source: () => string, emit: EmitChunk): void {
    const { text: piece, toolUse, reasoningContent, citation, image, toolResult } = delta;
    if (typeof piece === 'string') this.#text(piece, emit);
    else if (isObject(toolUse)) this.#argue(text(toolUse['input']), emit);
    else if (isObject(reasoningContent)) this.#reasoning(reasoningContent, emit);
    else if (isObject(citation)) this.#cite(valueAt(source(), ['citation']) ?? '{}', emit);
    else if (isObject(image)) this.#image(image, emit);
    else if (toolResult !== undefined) this.#results.push(...elements(valueAt(source(), ['toolResult']) ?? '[]'));
  }

  stop(emit: EmitChunk): void {
    if (this.#native) {
      const { name, source } = this.#native;
      const result = this.#results.length > 0 ? `[${this.#results.join(',')}]` : undefined;
      const whole = splice(source, {
        ...(this.#input !== '' && { input: this.#input }),
        ...(result !== undefined && { content: result }),
      });
      emit(this.#chunks.part('other', nativePart(dialect, `{${JSON.stringify(name)}:${whole}}`)));
    } else if (this.#bareCall) {
      emit(this.#chunks.arguments('{}'));
    }
    this.#native = undefined;
    this.#bareCall = false;
  }

  #call(use: JsonObject, source: string, emit: EmitChunk): void {
    const extra = extraOf(leftovers(use, typedCall, () => source));
    emit(this.#chunks.call(text(use['toolUseId']), text(use['name']), extra));
  }

  #argue(piece: string, emit: EmitChunk): void {
    if (piece === '') return;
    if (this.#native) {
      this.#input += piece;
      return;
    }
    this.#bareCall = false;
    emit(this.#chunks.arguments(piece));
  }

  #text(piece: string, emit: EmitChunk): void {
    if (piece !== '') emit(this.#chunks.text(piece));
  }

  #reasoning(reasoning: JsonObject, emit: EmitChunk): void {
    const words = text(reasoning['text']);
    const signature = text(reasoning['signature']);
    const redacted = text(reasoning['redactedContent']);
    if (words !== '') emit(this.#chunks.reasoning(words));
    if (signature !== '') emit(this.#chunks.part('reasoning', reasoningPart('', signature)));
    if (redacted !== '') emit(this.#chunks.part('reasoning', reasoningPart('', '', redacted)));
  }

  #cite(source: string, emit: EmitChunk): void {
    const part = textPart('');
    part.value.citations.push(citationOf(source));
    emit(this.#chunks.part('text', part));
  }

  #image(image: JsonObject, emit: EmitChunk): void {
    const from = image['source'];
    const data = isObject(from) ? text(from['bytes']) : '';
    if (data !== '') emit(this.#chunks.part('other', imagePart(data, this.#imageType)));
  }
}

const imageType = (image: JsonObject): string => `image/${text(image['format']) || 'png'}`;

const imagePart = (data: string, mediaType: string): ContentPart['part'] => ({
  case: 'image',
  value: {
    $typeName: 'llmbridge.v1.ImagePart',
    source: { case: 'data', value: new Uint8Array(Buffer.from(data, 'base64')) },
    mediaType,
    detail: '',
    signature: new Uint8Array(),
  },
});

/** Web locations have a URL; documents a title and the words cited. */
function citationOf(source: string): Citation {
  const value: unknown = JSON.parse(source);
  const citation = isObject(value) ? value : {};
  const location = citation['location'];
  const web = isObject(location) && isObject(location['web']) ? location['web'] : {};
  const cited = list(citation['sourceContent']).map((piece) => (isObject(piece) ? text(piece['text']) : ''));
  return {
    $typeName: 'llmbridge.v1.Citation',
    url: text(web['url']) || text(citation['source']),
    title: text(citation['title']),
    citedText: cited.join(''),
    native: source,
  };
}
