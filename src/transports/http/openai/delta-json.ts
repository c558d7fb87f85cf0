import type { ChunkChoice, Delta } from '../../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { ContentPart, ReasoningPart } from '../../../../gen/es/llmbridge/v1/content_pb.ts';
import { type ToolCallDelta, ToolCallType } from '../../../../gen/es/llmbridge/v1/tool_pb.ts';
import { finishJson, logprobsJson } from './choice-json.ts';
import { countMember, extraMembers, listMember, object, quote, stringMember, untold } from './json-writer.ts';
import { emptyReasoning } from './literals.ts';
import { audioOwn, roleWords } from './message-json.ts';
import {
  audioMembers,
  callSignature,
  citationJson,
  imageMembers,
  partJson,
  reasoningDetailJson,
  signedByMember,
} from './part-json.ts';
import { choiceMembers } from './response.ts';
import { toolCallDeltaJson } from './tool-call-json.ts';

/** Entries of one delta's `reasoning_details`, by part. */
type Details = Map<number, { readonly value: ReasoningPart } & Pick<ContentPart, 'extra' | 'signedBy'>>;

const detailsMember = (details: Details): string =>
  listMember(
    'reasoning_details',
    [...details].map(([index, detail]) => reasoningDetailJson(detail.value, detail, index)),
  );

/**
 * One choice of a stream: writes its deltas, and knows as much of what went before as an entry needs to be understood
 * by itself. Every entry of a list has an `index`; pieces of one index belong together.
 */
export class ChoiceWriter {
  readonly #legacyFunctions: boolean;
  /** The kind of each part so far, in the order in which the collected answer has them. */
  readonly #parts: string[] = [];
  /** The text of reasoning parts that have had no entry in `reasoning_details` yet, by part. */
  readonly #reasoning: string[] = [];
  /** Reasoning parts that have had an entry: whether they are summaries. */
  readonly #detailed = new Map<number, boolean>();
  /** What entries have said of a reasoning part's id and of whose signature it bears. */
  readonly #named = new Map<number, readonly [id: string, signedBy: string]>();
  /** The ids of the tool calls so far, by index. */
  readonly #calls: string[] = [];
  /** What entries have told of the calls' extra, by index. */
  readonly #extras: ToolCallDelta['extra'][] = [];
  readonly #custom = new Set<number>();
  /** Calls that a part announced before they came: the members that sign them, by id. */
  readonly #marks = new Map<string, string>();
  #citations = 0;
  #images = 0;

  constructor(legacyFunctions: boolean) {
    this.#legacyFunctions = legacyFunctions;
  }

  /** `order` is the member of the delta that tells the order of all parts; empty for none. */
  write(choice: ChunkChoice, order: string): string {
    return object(
      `"index":${choice.index},"delta":${choice.delta === undefined ? object(order) : this.#delta(choice.delta, order)},` +
        `"logprobs":${choice.logprobs === undefined ? 'null' : logprobsJson(choice.logprobs)},` +
        `"finish_reason":${finishJson(choice.finishReason, this.#legacyFunctions)},` +
        stringMember('native_finish_reason', choice.nativeFinishReason) +
        extraMembers(choice.extra, choiceMembers),
    );
  }

  /** A delta with text in it is written. */
  text(): void {
    if (this.#parts.at(-1) !== 'text') this.#parts.push('text');
  }

  #delta(delta: Delta, order: string): string {
    const opening = delta.role !== 0;
    let text = opening ? `"role":"${roleWords[delta.role] ?? 'assistant'}",` : '';
    const calls: string[] = [];
    const details: Details = new Map();
    if (delta.parts.length > 0) text += this.#partMembers(delta, calls, details);
    if (delta.reasoningContent !== '') {
      this.#appendReasoning(delta.reasoningContent, details);
      text += `"reasoning_content":${quote(delta.reasoningContent)},`;
    }
    if (details.size > 0) text += detailsMember(details);
    if (delta.content !== '') {
      this.text();
      text += `"content":${quote(delta.content)},`;
    } else if (opening) text += delta.toolCalls.length === 0 ? '"content":"",' : '"content":null,';
    text += stringMember('refusal', delta.refusal);
    for (const call of delta.toolCalls) text += this.#call(call, calls);
    return object(text + listMember('tool_calls', calls) + order);
  }

  /** Text of a part that has had an entry goes into another one too, so that the entries are whole by themselves. */
  #appendReasoning(text: string, details: Details): void {
    if (this.#parts.at(-1) !== 'reasoning') this.#parts.push('reasoning');
    const at = this.#parts.length - 1;
    const summary = this.#detailed.get(at);
    if (summary === undefined) {
      this.#reasoning[at] = (this.#reasoning[at] ?? '') + text;
      return;
    }
    const entry = details.get(at) ?? { value: { ...emptyReasoning(), summary }, extra: {} };
    entry.value.text += text;
    details.set(at, entry);
  }

  /** Adds an entry of `tool_calls`, or gives the member that stands in its place in OpenAI's first form. */
  #call(call: ToolCallDelta, entries: string[]): string {
    if (this.#calls[call.index] === undefined) {
      this.#calls[call.index] = call.id;
      if (!this.#marks.has(call.id)) this.#parts.push('toolCall');
    }
    if (call.type === ToolCallType.CUSTOM) this.#custom.add(call.index);
    if (this.#legacyFunctions && call.index === 0)
      return `"function_call":{${stringMember('name', call.name)}"arguments":${quote(call.arguments)}},`;
    const signature = this.#marks.get(call.id) ?? '';
    if (signature !== '') this.#marks.set(call.id, '');
    const extra = this.#callExtra(call);
    entries.push(toolCallDeltaJson({ ...call, extra }, this.#custom.has(call.index), signature));
    return '';
  }

  /** What of a call's extra no entry has told yet: clients append texts, those of ids too. */
  #callExtra({ index, extra }: ToolCallDelta): ToolCallDelta['extra'] {
    const [first] = Object.keys(extra);
    if (first === undefined) return extra;
    const told = this.#extras[index] ?? {};
    const news: ToolCallDelta['extra'] = {};
    for (const provider in extra) {
      const json = untold(extra[provider] ?? '{}', told[provider] ?? '{}');
      if (json !== '{}') news[provider] = json;
    }
    this.#extras[index] = { ...told, ...extra };
    return news;
  }

  #partMembers({ parts }: Delta, calls: string[], details: Details): string {
    const annotations: string[] = [];
    const images: string[] = [];
    const others: string[] = [];
    let audio = '';
    for (const { index, part } of parts) {
      if (part === undefined) continue;
      if (this.#parts[index] === undefined) this.#parts.push(part.part.case ?? '');
      switch (part.part.case) {
        case 'reasoning':
          details.set(index, this.#detail(part, part.part.value, index));
          break;
        case 'text':
          for (const citation of part.part.value.citations)
            annotations.push(`{"index":${this.#citations++},${citationJson(citation).slice(1)}`);
          if (part.part.value.signature.length > 0 || part.part.value.text !== '') others.push(partJson(part, index));
          break;
        case 'image':
          images.push(
            object(
              `${countMember('index', this.#images++)}${imageMembers(part.part.value)}${signedByMember(part.signedBy)}`,
            ),
          );
          break;
        case 'audio':
          audio = object(audioMembers(part.part.value) + extraMembers(part.extra, audioOwn));
          break;
        case 'toolCall':
          this.#sign(part.part.value.id, callSignature(part.part.value.signature, part.signedBy), calls);
          break;
        default:
          others.push(partJson(part, index));
      }
    }
    return (
      listMember('annotations', annotations) +
      listMember('images', images) +
      (audio === '' ? '' : `"audio":${audio},`) +
      listMember('part_deltas', others)
    );
  }

  /**
   * The text of a part came before as `reasoning_content`; its first entry repeats it. Clients append the texts of
   * entries, so what names a part is told once.
   */
  #detail({ extra, signedBy }: ContentPart, piece: ReasoningPart, index: number) {
    const text = (this.#reasoning[index] ?? '') + piece.text;
    this.#reasoning[index] = '';
    const summary = piece.summary || this.#detailed.get(index) === true;
    this.#detailed.set(index, summary);
    const [id, signer] = this.#named.get(index) ?? ['', ''];
    this.#named.set(index, [piece.id || id, signedBy || signer]);
    return {
      value: { ...piece, text, summary, id: id === '' ? piece.id : '' },
      extra,
      ...(signer === '' && signedBy && { signedBy }),
    };
  }

  /** A signature goes with its call: into an entry of its own if the call came before, else it waits for it. */
  #sign(id: string, signature: string, entries: string[]): void {
    const index = this.#calls.indexOf(id);
    if (index < 0) this.#marks.set(id, signature);
    else if (signature !== '') entries.push(object(`"index":${index},${signature}`));
  }
}
