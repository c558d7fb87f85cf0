import type { Call } from '../../kernel/call.ts';
import type { ChatChunk, ChatRequest, ChatResponse } from '../../kernel/messages.ts';
import type { Method, Reply } from '../../kernel/method.ts';
import type { CacheDirectives } from './cache-control.ts';
import type { CachePolicy } from './rules.ts';

/** Either method of chat, and where its answer goes. */
export type ChatMethod = Method<ChatRequest, ChatChunk | ChatResponse>;
export type ChatReply = Reply<ChatChunk | ChatResponse>;

/** One call, and what it may be served by. */
export interface Asked {
  readonly call: Call;
  readonly request: ChatRequest;
  readonly reply: ChatReply;
  /** Asks the providers. */
  readonly method: ChatMethod;
  readonly policy: CachePolicy;
  readonly directives: CacheDirectives;
  readonly key: string;
  readonly streaming: boolean;
}
