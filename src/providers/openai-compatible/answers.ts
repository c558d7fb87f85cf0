import type { ChunkChoice, Delta } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { Usage } from '../../../gen/es/llmbridge/v1/usage_pb.ts';
import type { EmitChunk, Frame, StreamDecoder } from '../../kernel/adapter.ts';
import type { Dialect } from '../../kernel/call.ts';
import { collect } from '../../kernel/collect.ts';
import { type ChatChunk, type ChatResponse, newChoice, newChunk, newResponse } from '../../kernel/messages.ts';
import { count, isObject, type JsonObject, malformed, parseObject, text, utf8 } from '../shared/json-body.ts';
import { providerFault, streamCut } from '../shared/provider-fault.ts';
import { ChoiceReader, messageOf } from './choice-reader.ts';
import { decodeUsage } from './decode-usage.ts';
import { errorFault } from './errors.ts';
import { isFailure } from './finish-reason.ts';
import { isOwnAnswer, isOwnEvent } from './own-form.ts';
import type { Quirks } from './provider.ts';
import { TextEvents } from './text-events.ts';
import { unknownFields } from './unknown-fields.ts';

const known: ReadonlySet<string> = new Set([
  'id',
  'object',
  'created',
  'model',
  'choices',
  'usage',
  'system_fingerprint',
  'service_tier',
  // Padding of the provider's connection to us, no content.
  'obfuscation',
]);

/** A whole answer of Chat Completions. */
export function decodeAnswer(body: Uint8Array, type: string, quirks: Quirks, reads?: Dialect): ChatResponse {
  const json = utf8(body);
  const answer = parseObject(json);
  throwError(answer, quirks);
  const choices = answer['choices'];
  if (!Array.isArray(choices)) throw malformed('an answer without choices');
  const response = newResponse();
  readHead(response, answer);
  response.usage = usageOf(answer, type, json);
  for (let i = 0; i < choices.length; i++) {
    const raw: unknown = choices[i];
    if (!isObject(raw)) throw malformed('a choice that is not an object');
    throwFailedChoice(raw, quirks);
    const pieces: ChunkChoice[] = [];
    const reader = new ChoiceReader(count(raw['index']) ?? i, type, quirks);
    reader.read(raw, 'message', json, ['choices', i], pieces);
    const [piece] = pieces;
    if (piece?.delta !== undefined && pieces.length === 1 && piece.delta.parts.length === 0) {
      response.choices.push(wholeChoice(piece, piece.delta));
    } else {
      const chunk = newChunk();
      chunk.choices = pieces;
      response.choices.push(...collect([chunk]).choices);
    }
  }
  const rest = unknownFields(answer, known, json, []);
  if (rest !== '') response.extra[type] = rest;
  if (reads === 'openai' && isOwnAnswer(answer, response)) response.source = json;
  return response;
}

function wholeChoice(piece: ChunkChoice, delta: Delta) {
  const choice = newChoice(piece.index);
  if (choice.message !== undefined) messageOf(delta, choice.message);
  choice.finishReason = piece.finishReason;
  choice.nativeFinishReason = piece.nativeFinishReason;
  choice.logprobs = piece.logprobs;
  choice.extra = piece.extra;
  return choice;
}

/** A streamed answer of Chat Completions: `chat.completion.chunk` objects, then `[DONE]`. */
export class ChunkReader implements StreamDecoder {
  readonly #type: string;
  readonly #quirks: Quirks;
  readonly #reads: Dialect | undefined;
  readonly #choices: ChoiceReader[] = [];
  readonly #texts = new TextEvents();
  #done = false;

  constructor(type: string, quirks: Quirks, reads?: Dialect) {
    this.#type = type;
    this.#quirks = quirks;
    this.#reads = reads;
  }

  push(frame: Frame, emit: EmitChunk): void {
    if (this.#done) return;
    const json = frame.data;
    if (json.length < 16 && json.trim() === '[DONE]') {
      this.#done = true;
      return;
    }
    if (frame.event !== 'error' && this.#pushText(json, emit)) return;
    if (json.trim() === '') return;
    const event = parseObject(json, 'an event that is not a JSON object');
    throwError(event, this.#quirks);
    if (frame.event === 'error') throw errorFault(event, this.#quirks.errorCodes);
    const choices = event['choices'];
    const chunk = newChunk();
    readHead(chunk, event);
    if (Array.isArray(choices)) this.#readChoices(choices, chunk, json);
    chunk.usage = usageOf(event, this.#type, json);
    const rest = unknownFields(event, known, json, []);
    if (rest !== '') chunk.extra[this.#type] = rest;
    if (this.#reads === 'openai' && isOwnEvent(event, json, chunk)) chunk.source = json;
    if (Array.isArray(choices)) this.#texts.learn(json, choices, chunk);
    emit(chunk);
  }

  /** Takes an event that is like one before but for its words; false for any other. */
  #pushText(json: string, emit: EmitChunk): boolean {
    const words = this.#texts.wordsOf(json);
    if (words === undefined) return false;
    this.#texts.matched();
    const chunk = this.#texts.chunk();
    for (const { index, delta } of chunk.choices) {
      const reader = this.#choices.find((choice) => choice.index === index);
      if (delta === undefined || reader === undefined) continue;
      delta.content = reader.words(words);
      if (chunk.source !== undefined) chunk.source = delta.content === words ? json : undefined;
    }
    emit(chunk);
    return true;
  }

  end(_emit: EmitChunk, broken = false): void {
    const seen = this.#choices.length > 0;
    // Not all say `[DONE]`; where the body has an end of its own, a finish reason will do.
    if (seen && (this.#done || (!broken && this.#choices.every((choice) => choice.ended)))) return;
    throw streamCut();
  }

  #readChoices(choices: readonly unknown[], chunk: ChatChunk, json: string): void {
    for (let i = 0; i < choices.length; i++) {
      const raw = choices[i];
      if (!isObject(raw)) throw malformed('a choice that is not an object');
      throwFailedChoice(raw, this.#quirks);
      const index = count(raw['index']) ?? i;
      let reader = this.#choices.find((choice) => choice.index === index);
      const begins = reader === undefined;
      if (reader === undefined) {
        reader = new ChoiceReader(index, this.#type, this.#quirks);
        this.#choices.push(reader);
      }
      // Some end a stream with the whole message once more (MiniMax, Perplexity); some send nothing else.
      const key = begins && !isObject(raw['delta']) && isObject(raw['message']) ? 'message' : 'delta';
      reader.read(raw, key, json, ['choices', i], chunk.choices);
    }
  }
}

interface Head {
  id: string;
  model: string;
  created: number;
  systemFingerprint: string;
  serviceTier: string;
}

function readHead(into: Head, from: JsonObject): void {
  into.id = text(from['id']);
  into.model = text(from['model']);
  into.created = count(from['created']) ?? 0;
  into.systemFingerprint = text(from['system_fingerprint']);
  into.serviceTier = text(from['service_tier']);
}

/** `usage`, which some put into the last choice (Moonshot) or into an object of their own (Groq). */
function usageOf(event: JsonObject, type: string, json: string): Usage | undefined {
  const usage = event['usage'];
  if (isObject(usage)) return decodeUsage(usage, type, json, ['usage']);
  const choices = event['choices'];
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const ofChoice = isObject(choice) ? choice['usage'] : undefined;
  if (isObject(ofChoice)) return decodeUsage(ofChoice, type, json, ['choices', 0, 'usage']);
  const groq = event['x_groq'];
  const ofGroq = isObject(groq) ? groq['usage'] : undefined;
  return isObject(ofGroq) ? decodeUsage(ofGroq, type, json, ['x_groq', 'usage']) : undefined;
}

function throwError(body: JsonObject, quirks: Quirks): void {
  const error = body['error'];
  if (isObject(error) || (typeof error === 'string' && error !== '') || body['object'] === 'error') {
    throw errorFault(body, quirks.errorCodes);
  }
  const hidden = quirks.hiddenError?.(body);
  if (hidden !== undefined) throw providerFault(hidden);
}

function throwFailedChoice(choice: JsonObject, quirks: Quirks): void {
  if (isObject(choice['error'])) throw errorFault(choice, quirks.errorCodes);
  const finish = choice['finish_reason'];
  if (typeof finish === 'string' && isFailure(finish)) {
    throw providerFault({ status: 0, code: finish, blame: 'provider' });
  }
}
