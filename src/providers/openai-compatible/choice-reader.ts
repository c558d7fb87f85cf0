import type { ChunkChoice, Delta } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { type ContentPart, type Message, Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { RawJson, toJson, valueAt } from '../../kernel/json-text.ts';
import { newChunkChoice, newDelta } from '../../kernel/messages.ts';
import { HalfCharacters } from '../shared/half-characters.ts';
import { isObject, type JsonObject, list, text } from '../shared/json-body.ts';
import { PartPositions } from '../shared/part-positions.ts';
import { decodeLogprobs } from './decode-logprobs.ts';
import { annotationCitation, audioPart, imagePart, nativePart } from './decode-parts.ts';
import { finishReason } from './finish-reason.ts';
import type { Quirks } from './provider.ts';
import { ReasoningReader } from './reasoning-reader.ts';
import { ToolCallReader } from './tool-call-reader.ts';
import { unknownFields } from './unknown-fields.ts';

const knownOfChoice: ReadonlySet<string> = new Set([
  'index',
  'delta',
  'message',
  'finish_reason',
  'native_finish_reason',
  'logprobs',
  'usage',
]);
const knownOfMessage: ReadonlySet<string> = new Set([
  'role',
  'content',
  'refusal',
  'tool_calls',
  'function_call',
  'annotations',
  'audio',
  'images',
  'reasoning',
  'reasoning_content',
  'reasoning_details',
]);

/** Members of a message that make parts beside its text. An empty list of annotations is in every answer of OpenAI's. */
const attachments: readonly string[] = ['annotations', 'images', 'audio'];

const isAttached = (value: unknown): boolean => (Array.isArray(value) ? value.length > 0 : isObject(value));

/** Blocks of a content list that are neither text nor thinking (Mistral's references). */
const otherBlocks = (content: unknown): readonly JsonObject[] =>
  Array.isArray(content)
    ? content.filter(isObject).filter((block) => block['type'] !== 'text' && block['type'] !== 'thinking')
    : nothing;
const nothing: readonly JsonObject[] = [];

/**
 * Reads one choice of an answer, piece by piece; a whole message is one piece. What has no typed place, also in the
 * message, goes to the choice's `extra`, so that the same stands there whole and streamed.
 */
export class ChoiceReader {
  readonly index: number;
  ended = false;
  readonly #type: string;
  readonly #quirks: Quirks;
  readonly #positions = new PartPositions();
  readonly #calls = new ToolCallReader(this.#positions);
  readonly #words = new HalfCharacters();
  readonly #thought = new HalfCharacters();
  #reasoning: ReasoningReader | undefined;
  #begun = false;
  #audioAt: number | undefined;

  constructor(index: number, type: string, quirks: Quirks) {
    this.index = index;
    this.#type = type;
    this.#quirks = quirks;
  }

  /**
   * Appends what is new to `into`: one piece, or several where one could not say the order (of a piece, the parts are
   * taken first, then the reasoning, then the text). `raw` is the choice at `path` of `json`, its message under `key`.
   */
  read(
    raw: JsonObject,
    key: 'delta' | 'message',
    json: string,
    path: readonly (string | number)[],
    into: ChunkChoice[],
  ): void {
    const message = raw[key];
    let delta = newDelta();
    if (!this.#begun) {
      this.#begun = true;
      delta.role = Role.ASSISTANT;
    }
    const details = isObject(message) ? message['reasoning_details'] : undefined;
    let detailed = false;
    for (const detail of list(details)) {
      if (!isObject(detail)) continue;
      if (delta.reasoningContent !== '' || delta.parts.length > 0) {
        into.push(newChunkChoice(this.index, delta));
        delta = newDelta();
      }
      this.#reasoning ??= new ReasoningReader(this.#positions, this.#type, this.#quirks.cumulativeReasoning ?? false);
      this.#reasoning.read(detail, delta);
      detailed ||= delta.reasoningContent !== '' || this.#quirks.cumulativeReasoning === true;
    }
    if (isObject(message)) {
      this.#readText(message, delta, detailed);
      const others = otherBlocks(message['content']);
      const attached = others.length > 0 || attachments.some((member) => isAttached(message[member]));
      if (attached && (delta.content !== '' || delta.reasoningContent !== '')) {
        into.push(newChunkChoice(this.index, delta));
        delta = newDelta();
      }
      if (attached) this.#readAttachments(message, others, delta);
      this.#readCalls(message, delta, json, [...path, key]);
    }
    const choice = newChunkChoice(this.index, delta);
    into.push(choice);
    const finish = raw['finish_reason'];
    if (typeof finish === 'string' && finish !== '') {
      this.ended = true;
      choice.finishReason = finishReason(finish, this.#quirks.finishReasons);
      choice.nativeFinishReason = text(raw['native_finish_reason']) || text(finish);
    }
    const logprobs = raw['logprobs'];
    let foreignLogprobs = '';
    if (isObject(logprobs)) {
      choice.logprobs = decodeLogprobs(logprobs);
      if (choice.logprobs === undefined && Object.keys(logprobs).length > 0) {
        foreignLogprobs = valueAt(json, [...path, 'logprobs']) ?? '';
      }
    }
    this.#readUnknown(raw, message, choice, foreignLogprobs, json, path, key);
  }

  /** Takes a piece that has nothing but words; those that are whole with it. */
  words(piece: string): string {
    const whole = this.#words.join(piece);
    if (whole !== '') this.#positions.text();
    return whole;
  }

  #readText(message: JsonObject, delta: Delta, detailed: boolean): void {
    // Beside details, which say it in full, the plain text only repeats them.
    if (!detailed) {
      delta.reasoningContent = this.#thought.join(message['reasoning_content'] || message['reasoning']);
    }
    if (delta.reasoningContent !== '') this.#positions.reasoning();
    this.#readContent(message['content'], delta);
    delta.refusal = text(message['refusal']);
  }

  #readAttachments(message: JsonObject, blocks: readonly JsonObject[], delta: Delta): void {
    for (const annotation of list(message['annotations'])) {
      if (isObject(annotation)) this.#addPart(delta, this.#positions.text(), annotationCitation(annotation));
    }
    for (const block of blocks) this.#addPart(delta, this.#positions.begin(), nativePart(block, this.#type));
    for (const image of list(message['images'])) {
      const part = isObject(image) ? imagePart(image) : undefined;
      if (part !== undefined) this.#addPart(delta, this.#positions.begin(), part);
    }
    const audio = message['audio'];
    if (isObject(audio)) {
      this.#audioAt ??= this.#positions.begin();
      this.#addPart(delta, this.#audioAt, audioPart(audio, this.#type));
    }
  }

  #readCalls(message: JsonObject, delta: Delta, json: string, path: readonly (string | number)[]): void {
    const calls = list(message['tool_calls']);
    for (let i = 0; i < calls.length; i++) {
      const call = calls[i];
      if (isObject(call)) delta.toolCalls.push(this.#calls.read(call, i, json, [...path, 'tool_calls', i], this.#type));
    }
    const functionCall = message['function_call'];
    if (isObject(functionCall)) {
      delta.toolCalls.push(this.#calls.read({ function: functionCall }, 0, json, path, this.#type));
    }
  }

  /** Text, or (Mistral, and gateways before it) a list of text and thinking blocks. */
  #readContent(content: unknown, delta: Delta): void {
    if (typeof content === 'string') {
      delta.content = this.words(content);
      return;
    }
    for (const block of list(content)) {
      if (!isObject(block)) continue;
      if (block['type'] === 'thinking') {
        const thinking = block['thinking'];
        const thought =
          typeof thinking === 'string'
            ? thinking
            : list(thinking)
                .map((t) => (isObject(t) ? text(t['text']) : ''))
                .join('');
        delta.reasoningContent += this.#thought.join(thought);
        if (thought !== '') this.#positions.reasoning();
      } else if (block['type'] === 'text') {
        delta.content += this.#words.join(block['text']);
      }
    }
    if (delta.content !== '') this.#positions.text();
  }

  #addPart(delta: Delta, index: number, part: ContentPart): void {
    delta.parts.push({ $typeName: 'llmbridge.v1.PartDelta', index, part });
  }

  #readUnknown(
    raw: JsonObject,
    message: unknown,
    choice: ChunkChoice,
    logprobs: string,
    json: string,
    path: readonly (string | number)[],
    key: string,
  ): void {
    const ofChoice = unknownFields(raw, knownOfChoice, json, path);
    const ofMessage = isObject(message) ? unknownFields(message, knownOfMessage, json, [...path, key]) : '';
    const ofLogprobs = logprobs === '' ? '' : toJson({ logprobs: new RawJson(logprobs) });
    const found = [ofChoice, ofMessage, ofLogprobs].filter((object) => object !== '');
    if (found.length > 0) choice.extra[this.#type] = `{${found.map((object) => object.slice(1, -1)).join(',')}}`;
  }
}

/** The message that a delta makes which is the whole of it and has no parts. */
export function messageOf(delta: Delta, message: Message): Message {
  message.content = delta.content;
  message.reasoningContent = delta.reasoningContent;
  message.refusal = delta.refusal;
  for (const call of delta.toolCalls) {
    message.toolCalls.push({
      $typeName: 'llmbridge.v1.ToolCall',
      id: call.id,
      type: call.type,
      name: call.name,
      arguments: call.arguments,
      extra: call.extra,
    });
  }
  return message;
}
