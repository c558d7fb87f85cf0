import { FinishReason } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { Usage } from '../../../gen/es/llmbridge/v1/usage_pb.ts';
import type { EmitChunk } from '../../kernel/adapter.ts';
import { elements, valueAt } from '../../kernel/json-text.ts';
import { type ChatChunk, newUsage } from '../../kernel/messages.ts';
import { decodeLogprobs } from '../openai-compatible/decode-logprobs.ts';
import { BlockChunks } from '../shared/block-chunks.ts';
import { madeCallId } from '../shared/call-ids.ts';
import { count, isObject, type JsonObject, list, malformed, text } from '../shared/json-body.ts';
import { joined, leftovers } from '../shared/leftovers.ts';
import { dialect, extraOf } from './dialect.ts';
import { faultOfLine } from './fault.ts';

const typed = {
  line: new Set([
    'model',
    'created_at',
    'message',
    'done',
    'done_reason',
    'prompt_eval_count',
    'eval_count',
    'logprobs',
  ]),
  message: new Set(['role', 'content', 'thinking', 'tool_calls']),
  call: new Set(['id', 'type', 'function']),
};

/** Makes chunks of the lines of an answer; a whole answer is the one line of its kind. */
export class Answer {
  readonly #chunks = new BlockChunks(dialect);
  /** When the answer began, in the provider's own spelling. */
  #began = '';
  #calls = 0;
  #extra = '';
  /** `done` came: the answer is whole. */
  done = false;

  read(line: JsonObject, source: string, emit: EmitChunk): void {
    if (line['error'] !== undefined) throw faultOfLine(line);
    const message = line['message'];
    if (!isObject(message)) throw malformed('an answer without a message');
    this.#begin(line);
    let last: ChatChunk | undefined;
    // The chunk made last waits for what the line says beside it.
    this.#read(message, source, (chunk) => {
      if (last) emit(last);
      last = chunk;
    });
    const logprobs = decodeLogprobs({ content: line['logprobs'] });
    if (logprobs) {
      last ??= this.#chunks.head();
      if (last.choices[0]) last.choices[0].logprobs = logprobs;
    }
    if (last) emit(last);
    if (line['done'] === true) this.#finish(line, source, emit);
  }

  #begin(line: JsonObject): void {
    const chunks = this.#chunks;
    chunks.model = text(line['model']) || chunks.model;
    if (this.#began !== '') return;
    this.#began = text(line['created_at']);
    const began = Date.parse(this.#began);
    if (!Number.isNaN(began)) chunks.created = Math.max(0, Math.floor(began / 1000));
  }

  #read(message: JsonObject, source: string, emit: EmitChunk): void {
    const chunks = this.#chunks;
    const thinking = text(message['thinking']);
    const content = text(message['content']);
    if (thinking !== '') emit(chunks.reasoning(thinking));
    if (content !== '') emit(chunks.text(content));
    const calls = list(message['tool_calls']);
    if (calls.length > 0) {
      const sources = elements(valueAt(source, ['message', 'tool_calls']) ?? '[]');
      calls.forEach((call, index) => {
        if (isObject(call)) this.#call(call, sources[index] ?? '{}', emit);
      });
    }
    const extra = leftovers(message, typed.message, () => valueAt(source, ['message']));
    if (extra !== '') this.#extra = joined(this.#extra, extra);
  }

  #call(call: JsonObject, source: string, emit: EmitChunk): void {
    const made = isObject(call['function']) ? call['function'] : {};
    const id = text(call['id']) || madeCallId(dialect, this.#began, this.#calls);
    this.#calls++;
    const extra = extraOf(leftovers(call, typed.call, () => source));
    emit(this.#chunks.call(id, text(made['name']), extra));
    emit(this.#chunks.arguments(valueAt(source, ['function', 'arguments']) ?? '{}'));
  }

  #finish(line: JsonObject, source: string, emit: EmitChunk): void {
    this.done = true;
    const native = text(line['done_reason']);
    const reason =
      native === 'length' ? FinishReason.LENGTH : this.#calls > 0 ? FinishReason.TOOL_CALLS : FinishReason.STOP;
    const last = this.#chunks.finish(reason, native, '', extraOf(this.#extra), usageOf(line));
    last.extra = extraOf(leftovers(line, typed.line, () => source));
    emit(last);
  }
}

function usageOf(line: JsonObject): Usage | undefined {
  const prompt = count(line['prompt_eval_count']);
  const completion = count(line['eval_count']);
  return prompt === undefined && completion === undefined ? undefined : newUsage(prompt ?? 0, completion ?? 0);
}
