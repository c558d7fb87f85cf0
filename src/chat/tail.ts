import { create } from '@bufbuild/protobuf';
import { StreamChatCompletionResponseSchema } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { GatewayReport } from '../../gen/es/llmbridge/v1/report_pb.ts';
import type { EmitChunk } from '../kernel/adapter.ts';
import type { ChatChunk } from '../kernel/messages.ts';

/**
 * Holds back what may be a stream's last chunk, so that usage and report can go out in it: many clients read
 * `choices[0]` of every chunk, and an extra, empty one would break them. One that goes out as it came stays by itself.
 */
export class Tail {
  #held: ChatChunk | undefined;

  /** Takes the next chunk and emits what need not wait. */
  push(chunk: ChatChunk, emit: EmitChunk): void {
    const held = this.#held;
    if (held !== undefined) {
      if (chunk.choices.length === 0 && chunk.source === undefined) {
        held.source = undefined;
        if (chunk.usage) held.usage = chunk.usage;
        for (const provider in chunk.extra) held.extra[provider] ??= chunk.extra[provider] ?? '{}';
        return;
      }
      this.#held = undefined;
      emit(held);
    }
    if (chunk.choices.length === 0 || chunk.choices.some(({ finishReason }) => finishReason !== 0)) this.#held = chunk;
    else emit(chunk);
  }

  /** The last chunk, with the report. */
  finish(report: GatewayReport): ChatChunk {
    const last = this.#held ?? create(StreamChatCompletionResponseSchema);
    last.report = report;
    return last;
  }
}
