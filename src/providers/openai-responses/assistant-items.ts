import type { ContentPart, Message, ReasoningPart, TextPart } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { type ToolCall, ToolCallType } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { type JsonInput, RawJson } from '../../kernel/json-text.ts';
import { type JsonObject, text as textOf } from '../shared/json-body.ts';
import { base64 } from '../shared/media.ts';
import type { Notes } from '../shared/notes.ts';
import { nativeCitations, withExtra } from '../shared/own-blocks.ts';
import { knownPart } from '../shared/signed-part.ts';
import type { JsonMembers } from '../shared/turns.ts';
import { pieceBreak } from './answer-items.ts';
import { type Block, ownBlock } from './content.ts';
import { dialect, splitExtra } from './dialect.ts';

const signers = new Set([dialect]);

const raw = (fields: ReadonlyMap<string, string>): JsonMembers =>
  Object.fromEntries([...fields].map(([name, value]) => [name, new RawJson(value)]));

/**
 * An assistant's turn as the items that it came as, with their ids; what did not come from this dialect makes items
 * without. `stored` tells whether the provider keeps exchanges: it knows reasoning by its id alone then.
 */
export class AssistantItems {
  readonly items: Block[] = [];
  readonly #path: string;
  readonly #type: string;
  readonly #stored: boolean;
  readonly #notes: Notes;
  /** Content of the message item under way, and the id of the item under way. */
  #content: JsonInput[] | undefined;
  #reasoning: { readonly id: string; readonly summary: JsonInput[]; readonly content: JsonInput[] } | undefined;
  #id = '';
  /** Items are named by their ids, which binds them to the reasoning before them. */
  #named = true;

  constructor(path: string, type: string, stored: boolean, notes: Notes) {
    this.#path = path;
    this.#type = type;
    this.#stored = stored;
    this.#notes = notes;
  }

  add(message: Message): void {
    const told = new Set<ToolCall>();
    if (message.parts.length === 0) this.#plain(message);
    const parts = message.parts.map((part, index) =>
      knownPart(part, signers, `${this.#path}.parts[${index}]`, this.#notes),
    );
    this.#named = parts.every(({ part }) => part.case !== 'reasoning' || this.#isOurs(part.value));
    parts.forEach((part, index) => {
      const path = `${this.#path}.parts[${index}]`;
      if (part.cacheControl) this.#notes.dropped(`${path}.cache_control`, 'the provider caches by itself');
      const { value, case: kind } = part.part;
      const call = kind === 'toolCall' ? message.toolCalls.find(({ id }) => id === value.id) : undefined;
      if (call === undefined) this.#part(part, path);
      else if (!told.has(call)) {
        told.add(call);
        this.#call(call);
      }
    });
    for (const call of message.toolCalls) if (!told.has(call)) this.#call(call);
  }

  #plain({ content, refusal, reasoningContent }: Message): void {
    if (reasoningContent !== '') {
      this.#notes.dropped(`${this.#path}.reasoning_content`, 'without the provider’s own id');
    }
    if (content !== '') this.#push({ role: 'assistant', content });
    if (refusal !== '') this.#push({ role: 'assistant', content: [{ type: 'refusal', refusal }] });
  }

  #part(part: ContentPart, path: string): void {
    const { value, case: kind } = part.part;
    switch (kind) {
      case 'text':
        if (value.text !== '' || splitExtra(part.extra).id !== '') this.#say(this.#text(value, path), part);
        return;
      case 'refusal':
        this.#say({ type: 'refusal', refusal: value.refusal }, part);
        return;
      case 'reasoning':
        this.#think(value, part, path);
        return;
      case 'native': {
        const block = ownBlock(value, path, this.#type, this.#notes);
        if (block !== undefined) this.#push(block);
        return;
      }
      case 'image': {
        const { id, item } = splitExtra(part.extra);
        if (id !== '' && value.source.case === 'data') {
          this.#push({ type: 'image_generation_call', ...raw(item), result: base64(value.source.value) });
          return;
        }
        break;
      }
      case 'toolCall':
      case undefined:
        return;
      default:
    }
    this.#notes.dropped(`${path}.${kind}`, 'an assistant says text alone');
  }

  #text({ text, citations }: TextPart, path: string): JsonMembers {
    return { type: 'output_text', text, annotations: nativeCitations(citations, isAnnotation, path, this.#notes) };
  }

  /** Adds content to the message that it came in, or to the one before it where it came in none. */
  #say(content: JsonMembers, part: ContentPart): void {
    const { item, rest, id } = splitExtra(part.extra);
    if (this.#content === undefined || id !== this.#id) {
      this.#content = [];
      const fields = id === '' || !this.#named ? {} : { type: 'message', ...raw(item) };
      this.#begin({ ...fields, role: 'assistant', content: this.#content }, id);
    } else if (id !== '' && this.#named) {
      Object.assign(this.items.at(-1) ?? {}, raw(item));
    }
    this.#content.push({ ...content, ...raw(rest) });
  }

  /** Whether the provider will know this reasoning again. */
  #isOurs = ({ id, redacted, signature }: ReasoningPart): boolean =>
    id !== '' && signature === '' && (redacted !== '' || this.#stored);

  #think(reasoning: ReasoningPart, part: ContentPart, path: string): void {
    const { id, text, redacted, summary } = reasoning;
    const known = this.#reasoning !== undefined && this.#id === id;
    if (!this.#named || id === '') {
      if (text !== '' || redacted !== '' || id !== '') {
        this.#notes.dropped(`${path}.reasoning`, 'the provider would not know it again');
      }
      return;
    }
    if (!known) {
      this.#reasoning = { id, summary: [], content: [] };
      const written = { type: 'reasoning', id, summary: this.#reasoning.summary };
      const begun = this.#reasoning;
      this.#begin(written, id);
      this.#reasoning = begun;
    }
    const words = known && text.startsWith(pieceBreak) ? text.slice(pieceBreak.length) : text;
    const item = this.items.at(-1) as JsonMembers;
    if (words !== '' || summary) {
      const into = summary ? this.#reasoning?.summary : this.#reasoning?.content;
      into?.push({ type: summary ? 'summary_text' : 'reasoning_text', text: words });
      if (!summary) item['content'] = this.#reasoning?.content;
    }
    if (redacted !== '') item['encrypted_content'] = redacted;
    withExtra(item, part.extra, dialect, path, this.#notes);
  }

  #call(call: ToolCall): void {
    const item: JsonMembers =
      call.type === ToolCallType.CUSTOM
        ? { type: 'custom_tool_call', call_id: call.id, name: call.name, input: call.arguments }
        : { type: 'function_call', call_id: call.id, name: call.name, arguments: call.arguments || '{}' };
    const fields = splitExtra(call.extra);
    if (!this.#named) fields.item.delete('id');
    this.#push({ ...item, ...raw(fields.item), ...raw(fields.rest) });
  }

  #push(item: Block): void {
    this.#begin(item, '');
  }

  #begin(item: Block, id: string): void {
    if (!('role' in item)) this.#content = undefined;
    this.#reasoning = undefined;
    this.#id = id;
    this.items.push(item);
  }
}

/** `url_citation`, `file_citation`, `container_file_citation`, `file_path`. */
const isAnnotation = ({ type }: JsonObject): boolean => /^(\w+_citation|file_path)$/.test(textOf(type));
