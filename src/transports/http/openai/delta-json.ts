import type { ChunkChoice, Delta } from '../../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { ContentPart } from '../../../../gen/es/llmbridge/v1/content_pb.ts';
import { type ToolCallDelta, ToolCallType } from '../../../../gen/es/llmbridge/v1/tool_pb.ts';
import { finishJson, logprobsJson } from './choice-json.ts';
import { countMember, extraMembers, listMember, object, quote, stringMember } from './json-writer.ts';
import { audioOwn, roleWords } from './message-json.ts';
import { audioMembers, citationJson, imageMembers, partJson, reasoningDetailJson } from './part-json.ts';
import { choiceMembers } from './response.ts';
import { toolCallDeltaJson } from './tool-call-json.ts';

/**
 * One choice of a stream: writes its deltas, and knows as much of what went before as an entry needs to be understood
 * by itself. Every entry of a list has an `index`; pieces of one index belong together.
 */
export class ChoiceWriter {
  readonly #legacyFunctions: boolean;
  /** The kind of each part so far, in the order in which the collected answer has them. */
  readonly #parts: string[] = [];
  /** The text of reasoning parts that no entry of `reasoning_details` has repeated yet, by part. */
  readonly #reasoning: string[] = [];
  /** The ids of the tool calls so far, by index. */
  readonly #calls: string[] = [];
  readonly #custom = new Set<number>();
  /** Calls that a part announced before they came: their signatures by id. */
  readonly #marks = new Map<string, string>();
  #citations = 0;
  #images = 0;

  constructor(legacyFunctions: boolean) {
    this.#legacyFunctions = legacyFunctions;
  }

  write(choice: ChunkChoice): string {
    return object(
      `"index":${choice.index},"delta":${choice.delta === undefined ? '{}' : this.#delta(choice.delta)},` +
        `"logprobs":${choice.logprobs === undefined ? 'null' : logprobsJson(choice.logprobs)},` +
        `"finish_reason":${finishJson(choice.finishReason, this.#legacyFunctions)},` +
        stringMember('native_finish_reason', choice.nativeFinishReason) +
        extraMembers(choice.extra, choiceMembers),
    );
  }

  #delta(delta: Delta): string {
    const opening = delta.role !== 0;
    let text = opening ? `"role":"${roleWords[delta.role] ?? 'assistant'}",` : '';
    const calls: string[] = [];
    if (delta.parts.length > 0) text += this.#partMembers(delta, calls);
    if (delta.reasoningContent !== '') {
      this.#appendReasoning(delta.reasoningContent);
      text += `"reasoning_content":${quote(delta.reasoningContent)},`;
    }
    if (delta.content !== '') {
      if (this.#parts.at(-1) !== 'text') this.#parts.push('text');
      text += `"content":${quote(delta.content)},`;
    } else if (opening) text += delta.toolCalls.length === 0 ? '"content":"",' : '"content":null,';
    text += stringMember('refusal', delta.refusal);
    for (const call of delta.toolCalls) text += this.#call(call, calls);
    return object(text + listMember('tool_calls', calls));
  }

  #appendReasoning(text: string): void {
    if (this.#parts.at(-1) !== 'reasoning') this.#parts.push('reasoning');
    const at = this.#parts.length - 1;
    this.#reasoning[at] = (this.#reasoning[at] ?? '') + text;
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
    entries.push(toolCallDeltaJson(call, this.#custom.has(call.index), signature));
    return '';
  }

  #partMembers({ parts }: Delta, calls: string[]): string {
    const details: string[] = [];
    const annotations: string[] = [];
    const images: string[] = [];
    const others: string[] = [];
    let audio = '';
    for (const { index, part } of parts) {
      if (part === undefined) continue;
      if (this.#parts[index] === undefined) this.#parts.push(part.part.case ?? '');
      switch (part.part.case) {
        case 'reasoning':
          details.push(this.#reasoningDetail(part, index));
          break;
        case 'text':
          for (const citation of part.part.value.citations)
            annotations.push(`{"index":${this.#citations++},${citationJson(citation).slice(1)}`);
          if (part.part.value.signature.length > 0 || part.part.value.text !== '') others.push(partJson(part, index));
          break;
        case 'image':
          images.push(object(`${countMember('index', this.#images++)}${imageMembers(part.part.value)}`));
          break;
        case 'audio':
          audio = object(audioMembers(part.part.value) + extraMembers(part.extra, audioOwn));
          break;
        case 'toolCall':
          this.#sign(part.part.value.id, part.part.value.signature, calls);
          break;
        default:
          others.push(partJson(part, index));
      }
    }
    return (
      listMember('reasoning_details', details) +
      listMember('annotations', annotations) +
      listMember('images', images) +
      (audio === '' ? '' : `"audio":${audio},`) +
      listMember('part_deltas', others)
    );
  }

  /** The text of a signed part came before as `reasoning_content`; the entry repeats it, to stand by itself. */
  #reasoningDetail(part: ContentPart, index: number): string {
    if (part.part.case !== 'reasoning') return '';
    const text = (this.#reasoning[index] ?? '') + part.part.value.text;
    this.#reasoning[index] = '';
    return reasoningDetailJson({ ...part.part.value, text }, part.extra, index);
  }

  /** A signature goes with its call: into an entry of its own if the call came before, else it waits for it. */
  #sign(id: string, signature: string, entries: string[]): void {
    const index = this.#calls.indexOf(id);
    if (index < 0) this.#marks.set(id, signature);
    else if (signature !== '') entries.push(`{"index":${index},"signature":${quote(signature)}}`);
  }
}
