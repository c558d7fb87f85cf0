import type { FinishReason } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { ContentPart } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { type ToolCallDelta, ToolCallType } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import type { Usage } from '../../../gen/es/llmbridge/v1/usage_pb.ts';
import type { ChatChunk, Delta } from '../../kernel/messages.ts';
import { sign } from './signed-part.ts';

type Extra = { [provider: string]: string };
type Part = ContentPart['part'];
type Kind = 'reasoning' | 'text' | 'call' | 'other';

/** Where each kind stands in a message without parts: reasoning, then text, then calls. */
const rank: Readonly<Record<Kind, number>> = { other: 0, reasoning: 0, text: 1, call: 2 };

const contentPart = (part: Part, extra: Extra = {}): ContentPart => ({
  $typeName: 'llmbridge.v1.ContentPart',
  part,
  extra,
});

export const textPart = (text: string): Part & { case: 'text' } => ({
  case: 'text',
  value: { $typeName: 'llmbridge.v1.TextPart', text, citations: [], signature: new Uint8Array() },
});

export const reasoningPart = (text: string, signature = '', redacted = ''): Part & { case: 'reasoning' } => ({
  case: 'reasoning',
  value: { $typeName: 'llmbridge.v1.ReasoningPart', text, signature, redacted, id: '', summary: false },
});

export const nativePart = (provider: string, json: string): Part => ({
  case: 'native',
  value: { $typeName: 'llmbridge.v1.NativePart', provider, json },
});

/**
 * Makes the chunks of an answer that comes as a list of blocks (Anthropic, Bedrock, Gemini). Text, reasoning and calls travel as
 * such; parts are told only where something is beyond them: a signature, a citation, a block of the provider's own, two
 * adjacent blocks of one kind, or an order that a message without parts would not keep. A block that says nothing leaves
 * no trace.
 */
export class BlockChunks {
  id = '';
  model = '';
  /** Unix seconds. */
  created = 0;
  serviceTier = '';
  /** Parts that the chunks so far come to when they are collected. */
  #parts = 0;
  #last: Kind | undefined;
  /** A block has begun, and nothing of it was told yet. */
  #fresh = false;
  #calls = 0;
  #begun = false;
  readonly #dialect: string;
  /** Position among the answers, where there are several. */
  readonly #index: number;

  /** `dialect` is whose signatures the answer bears. */
  constructor(dialect: string, index = 0) {
    this.#dialect = dialect;
    this.#index = index;
  }

  /** Begins the provider's next block. */
  begin(): void {
    this.#fresh = true;
  }

  text(text: string): ChatChunk {
    const delta = this.#delta();
    this.#open('text', delta);
    delta.content = text;
    return this.chunk(delta);
  }

  reasoning(text: string): ChatChunk {
    const delta = this.#delta();
    this.#open('reasoning', delta);
    delta.reasoningContent = text;
    return this.chunk(delta);
  }

  /** What is beyond the text of the block under way, or a whole part where nothing of it was told yet. */
  part(kind: 'reasoning' | 'text' | 'other', part: Part, extra: Extra = {}): ChatChunk {
    const delta = this.#delta();
    const opens = this.#fresh || this.#last !== kind || kind === 'other';
    if (opens) this.#parts++;
    this.#fresh = false;
    this.#last = kind;
    delta.parts.push({
      $typeName: 'llmbridge.v1.PartDelta',
      index: this.#parts - 1,
      part: sign(contentPart(part, extra), this.#dialect),
    });
    return this.chunk(delta);
  }

  /** Refusal text. It makes no part: where parts are told, one has to be told for it. */
  refusal(text: string): ChatChunk {
    const delta = this.#delta();
    delta.refusal = text;
    return this.chunk(delta);
  }

  /** Begins a tool call. `mark` is what tells more of its place than that it is there: a signature, extra fields. */
  call(id: string, name: string, extra: Extra = {}, mark?: ContentPart): ChatChunk {
    return this.#call({ id, name, type: ToolCallType.FUNCTION, extra }, mark);
  }

  /** Begins a call of a tool with free-text input. */
  customCall(id: string, name: string, extra: Extra = {}): ChatChunk {
    return this.#call({ id, name, type: ToolCallType.CUSTOM, extra });
  }

  #call(told: Partial<ToolCallDelta>, mark?: ContentPart): ChatChunk {
    const delta = this.#delta();
    this.#open('call', delta);
    if (mark)
      delta.parts.push({
        $typeName: 'llmbridge.v1.PartDelta',
        index: this.#parts - 1,
        part: sign(mark, this.#dialect),
      });
    this.#pushCall(delta, { ...told, index: this.#calls++ });
    return this.chunk(delta);
  }

  /** Adds to the arguments of the call begun last, or to what is known beside them. */
  arguments(text: string, extra: Extra = {}): ChatChunk {
    const delta = this.#delta();
    this.#pushCall(delta, { index: this.#calls - 1, arguments: text, extra });
    return this.chunk(delta);
  }

  /** A chunk that says nothing of the message: only the role, where it was not told yet. */
  head(): ChatChunk {
    return this.chunk(this.#delta());
  }

  /** The last chunk of the choice. */
  finish(reason: FinishReason, native: string, refusal: string, extra: Extra, usage: Usage | undefined): ChatChunk {
    const delta = this.#delta();
    delta.refusal = refusal;
    const chunk = this.chunk(delta, usage);
    const choice = chunk.choices[0];
    if (choice) {
      choice.finishReason = reason;
      choice.nativeFinishReason = native;
      choice.extra = extra;
    }
    return chunk;
  }

  /** A chunk with `delta` for the one choice, or none. */
  chunk(delta?: Delta, usage?: Usage): ChatChunk {
    return {
      $typeName: 'llmbridge.v1.StreamChatCompletionResponse',
      id: this.id,
      choices: delta
        ? [
            {
              $typeName: 'llmbridge.v1.ChunkChoice',
              index: this.#index,
              delta,
              finishReason: 0,
              nativeFinishReason: '',
              extra: {},
            },
          ]
        : [],
      model: this.model,
      created: this.created,
      ...(usage && { usage }),
      systemFingerprint: '',
      serviceTier: this.serviceTier,
      extra: {},
    };
  }

  /** Opens a part of this kind unless the one under way is of it, with a mark where the collector would not make one. */
  #open(kind: 'reasoning' | 'text' | 'call', delta: Delta): void {
    const last = this.#last;
    if (!this.#fresh && last === kind) return;
    this.#fresh = false;
    this.#last = kind;
    const index = this.#parts++;
    if (kind === 'call' || last === undefined || rank[kind] > rank[last] || last === 'other') return;
    const part = contentPart(kind === 'text' ? textPart('') : reasoningPart(''));
    delta.parts.push({ $typeName: 'llmbridge.v1.PartDelta', index, part });
  }

  #pushCall(delta: Delta, told: Partial<ToolCallDelta> & Pick<ToolCallDelta, 'index'>): void {
    delta.toolCalls.push({
      $typeName: 'llmbridge.v1.ToolCallDelta',
      id: '',
      type: ToolCallType.UNSPECIFIED,
      name: '',
      arguments: '',
      extra: {},
      ...told,
    });
  }

  #delta(): Delta {
    const role = this.#begun ? Role.UNSPECIFIED : Role.ASSISTANT;
    this.#begun = true;
    return {
      $typeName: 'llmbridge.v1.Delta',
      role,
      content: '',
      toolCalls: [],
      reasoningContent: '',
      refusal: '',
      parts: [],
    };
  }
}
