import type { PartName } from '../support/parts.ts';

/** What to ask. The programs in other languages take it as JSON. */
export interface Question {
  readonly model: string;
  readonly content: string;
  readonly maxTokens: number;
  /** Headers, or metadata, of the call; the clients of this process alone send them. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What came of it. The programs in other languages print it as one line of JSON. */
export interface Answer {
  readonly text: string;
  /** OpenAI's words: stop, length, tool_calls, content_filter. */
  readonly finish: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** How many pieces of text came; 1 for a whole answer. */
  readonly pieces: number;
  /** Set where the call failed; the other fields then tell what came before. */
  readonly failure?: Failure;
}

export interface Failure {
  /** The gRPC code by its name, 'NOT_FOUND'. */
  readonly code: string;
  /** ErrorInfo's reason; empty where no details came. */
  readonly reason: string;
  readonly message: string;
}

/** How to ask: whole, streamed, or streamed and cancelled after the third piece. */
export type Mode = 'chat' | 'stream' | 'cancel';

/** One kind of client, connected to one port. */
export interface Connection {
  ask(mode: Mode, question: Question): Promise<Answer>;
  close(): Promise<void> | void;
}

/** One kind of client. */
export interface Caller {
  readonly name: string;
  readonly needs: readonly PartName[];
  connect(port: number): Promise<Connection>;
}

/** Gathers the pieces of a streamed answer. */
export class Gathered implements Answer {
  text = '';
  finish = '';
  promptTokens = 0;
  completionTokens = 0;
  pieces = 0;

  add(piece: string | null | undefined, finish: string | null | undefined): void {
    if (piece) {
      this.text += piece;
      this.pieces++;
    }
    if (finish) this.finish = finish;
  }

  count(usage: { readonly prompt: number; readonly completion: number } | undefined): void {
    if (!usage) return;
    this.promptTokens = usage.prompt;
    this.completionTokens = usage.completion;
  }
}
