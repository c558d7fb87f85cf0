import { clone, create } from '@bufbuild/protobuf';
import {
  type ChatCompletionResponse,
  ChatCompletionResponseSchema,
  type Choice,
  ChoiceSchema,
  type ChunkChoice,
  LogprobsSchema,
  type StreamChatCompletionResponse,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import {
  type ContentPart,
  ContentPartSchema,
  type Message,
  MessageSchema,
} from '../../gen/es/llmbridge/v1/content_pb.ts';
import { type ToolCallDelta, ToolCallSchema } from '../../gen/es/llmbridge/v1/tool_pb.ts';
import { members, splice } from './json-text.ts';

/**
 * Makes the whole answer of a stream's chunks: what a unary call would have given.
 * Text travels in `content` and `reasoning_content`; parts come into being in order of arrival, and a PartDelta adds
 * to the part at its index or starts the next one. `parts` is kept only if some PartDelta came.
 */
export class Collector {
  readonly #response = create(ChatCompletionResponseSchema);
  readonly #choices = new Map<number, CollectedChoice>();

  add(chunk: StreamChatCompletionResponse): void {
    const response = this.#response;
    response.id ||= chunk.id;
    response.model = chunk.model || response.model;
    response.created ||= chunk.created;
    response.systemFingerprint = chunk.systemFingerprint || response.systemFingerprint;
    response.serviceTier = chunk.serviceTier || response.serviceTier;
    if (chunk.usage) response.usage = chunk.usage;
    if (chunk.report) response.report = chunk.report;
    mergeExtra(response.extra, chunk.extra);
    for (const piece of chunk.choices) {
      let choice = this.#choices.get(piece.index);
      if (choice === undefined) {
        choice = new CollectedChoice(piece.index);
        this.#choices.set(piece.index, choice);
      }
      choice.add(piece);
    }
  }

  response(): ChatCompletionResponse {
    this.#response.choices = [...this.#choices.values()]
      .map((choice) => choice.finish())
      .sort((a, b) => a.index - b.index);
    return this.#response;
  }
}

/** The whole answer of `chunks`. */
export function collect(chunks: Iterable<StreamChatCompletionResponse>): ChatCompletionResponse {
  const collector = new Collector();
  for (const chunk of chunks) collector.add(chunk);
  return collector.response();
}

class CollectedChoice {
  readonly #choice: Choice;
  readonly #message: Message;
  readonly #parts: ContentPart[] = [];
  #hasParts = false;

  constructor(index: number) {
    this.#message = create(MessageSchema);
    this.#choice = create(ChoiceSchema, { index, message: this.#message });
  }

  add(piece: ChunkChoice): void {
    const choice = this.#choice;
    if (piece.finishReason !== 0) choice.finishReason = piece.finishReason;
    if (piece.nativeFinishReason !== '') choice.nativeFinishReason = piece.nativeFinishReason;
    if (piece.logprobs) {
      choice.logprobs ??= create(LogprobsSchema);
      choice.logprobs.content.push(...piece.logprobs.content);
      choice.logprobs.refusal.push(...piece.logprobs.refusal);
    }
    mergeExtra(choice.extra, piece.extra);
    const delta = piece.delta;
    if (delta === undefined) return;
    const message = this.#message;
    if (delta.role !== 0) message.role = delta.role;
    for (const { index, part } of delta.parts) {
      this.#hasParts = true;
      const existing = this.#parts[index];
      if (part === undefined) continue;
      if (existing === undefined) this.#parts.push(clone(ContentPartSchema, part));
      else mergePart(existing, part);
    }
    if (delta.reasoningContent !== '') {
      message.reasoningContent += delta.reasoningContent;
      this.#appendReasoning(delta.reasoningContent);
    }
    if (delta.content !== '') {
      message.content += delta.content;
      this.#appendText(delta.content);
    }
    message.refusal += delta.refusal;
    for (const call of delta.toolCalls) this.#addToolCall(call);
  }

  finish(): Choice {
    if (this.#hasParts) this.#message.parts = this.#parts;
    return this.#choice;
  }

  #appendText(text: string): void {
    const last = this.#parts.at(-1);
    if (last?.part.case === 'text') last.part.value.text += text;
    else this.#parts.push(create(ContentPartSchema, { part: { case: 'text', value: { text } } }));
  }

  #appendReasoning(text: string): void {
    const last = this.#parts.at(-1);
    if (last?.part.case === 'reasoning') last.part.value.text += text;
    else this.#parts.push(create(ContentPartSchema, { part: { case: 'reasoning', value: { text } } }));
  }

  #addToolCall(delta: ToolCallDelta): void {
    const calls = this.#message.toolCalls;
    let call = calls[delta.index];
    if (call === undefined) {
      call = create(ToolCallSchema);
      calls[delta.index] = call;
      const marked = this.#parts.some(({ part }) => part.case === 'toolCall' && part.value.id === delta.id);
      if (!marked) this.#parts.push(create(ContentPartSchema, { part: { case: 'toolCall', value: { id: delta.id } } }));
    }
    call.id = delta.id || call.id;
    call.name = delta.name || call.name;
    if (delta.type !== 0) call.type = delta.type;
    call.arguments += delta.arguments;
    mergeExtra(call.extra, delta.extra);
  }
}

/** Adds a later piece of the same part: texts, signatures and data are appended, citations added, ids replaced. */
function mergePart(into: ContentPart, piece: ContentPart): void {
  mergeExtra(into.extra, piece.extra);
  if (piece.cacheControl) into.cacheControl = piece.cacheControl;
  if (piece.signedBy !== undefined) into.signedBy = piece.signedBy;
  const target = into.part;
  const source = piece.part;
  if (target.case === 'text' && source.case === 'text') {
    target.value.text += source.value.text;
    target.value.citations.push(...source.value.citations);
    target.value.signature = concatBytes(target.value.signature, source.value.signature);
  } else if (target.case === 'reasoning' && source.case === 'reasoning') {
    target.value.text += source.value.text;
    target.value.signature += source.value.signature;
    target.value.redacted += source.value.redacted;
    target.value.id = source.value.id || target.value.id;
    target.value.summary ||= source.value.summary;
  } else if (target.case === 'toolCall' && source.case === 'toolCall') {
    target.value.id = source.value.id || target.value.id;
    target.value.signature += source.value.signature;
  } else if (target.case === 'audio' && source.case === 'audio') {
    target.value.transcript += source.value.transcript;
    target.value.format = source.value.format || target.value.format;
    target.value.expiresAt = source.value.expiresAt || target.value.expiresAt;
    mergeSource(target.value, source.value);
  } else if (target.case === 'image' && source.case === 'image') {
    target.value.mediaType = source.value.mediaType || target.value.mediaType;
    mergeSource(target.value, source.value);
  } else if (target.case === 'refusal' && source.case === 'refusal') {
    target.value.refusal += source.value.refusal;
  } else if (target.case === 'native' && source.case === 'native') {
    target.value.json += source.value.json;
  } else if (source.case !== undefined) {
    into.part = clone(ContentPartSchema, piece).part;
  }
}

interface Sourced {
  source: { case: string | undefined; value?: unknown };
}

function mergeSource(into: Sourced, piece: Sourced): void {
  if (piece.source.case === undefined) return;
  if (into.source.case === 'data' && piece.source.case === 'data') {
    into.source.value = concatBytes(into.source.value as Uint8Array, piece.source.value as Uint8Array);
  } else {
    into.source = { ...piece.source };
  }
}

function concatBytes(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}

/** Merges JSON object texts member by member, the later one winning. */
function mergeExtra(into: { [provider: string]: string }, piece: { [provider: string]: string }): void {
  for (const provider in piece) {
    const json = piece[provider];
    if (json === undefined) continue;
    const existing = into[provider];
    into[provider] = existing === undefined ? json : splice(existing, Object.fromEntries(members(json)));
  }
}
