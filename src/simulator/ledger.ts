import type { Reply } from './simulator.ts';

/** One request that the server saw. */
export interface LedgerEntry {
  /** Seconds since the reset at which it came. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly model: string;
  /** From 1, counted for each model since the reset. */
  readonly attempt: number;
  readonly stream: boolean;
  /** Role of the last message. */
  readonly last_role: string;
  readonly prompt_tokens: number;
  /** Of the whole answer, also where it was cut short. */
  readonly completion_tokens: number;
  /** 'answer', 'fault 429', 'cut 10', 'stall 5', 'reset', 'silence'. */
  readonly course: string;
  /** Text chunks sent so far. */
  chunks: number;
  /** How it ended: still open, answered whole, closed or reset by the server, or left by the client. */
  outcome: 'open' | 'whole' | 'closed' | 'reset' | 'left';
  /** Seconds since the reset at which the exchange was over, or the client's socket closed; null while open. */
  closed_at: number | null;
}

/** The requests since the reset, and sums over them. */
export interface LedgerReport {
  readonly requests: readonly LedgerEntry[];
  /** Attempts by model. */
  readonly attempts: Readonly<Record<string, number>>;
  /** Over the answers that were sent whole. */
  readonly usage: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly total_tokens: number;
  };
  /** Exchanges under way. */
  readonly open: number;
}

const MOST_ENTRIES = 100_000;

/** What a simulator server was asked, for tests and experiments. */
export class Ledger {
  #entries: LedgerEntry[] = [];

  reset(): void {
    this.#entries = [];
  }

  add(method: string, path: string, reply: Reply, elapsed: number): LedgerEntry {
    const entry: LedgerEntry = {
      at: elapsed / 1_000,
      method,
      path,
      model: reply.model,
      attempt: reply.attempt,
      stream: reply.stream,
      last_role: reply.lastRole,
      prompt_tokens: reply.promptTokens,
      completion_tokens: reply.completionTokens,
      course: reply.script.course,
      chunks: 0,
      outcome: 'open',
      closed_at: null,
    };
    if (this.#entries.length < MOST_ENTRIES) this.#entries.push(entry);
    return entry;
  }

  report(): LedgerReport {
    const attempts: Record<string, number> = {};
    let prompt = 0;
    let completion = 0;
    for (const entry of this.#entries) {
      if (entry.model !== '') attempts[entry.model] = Math.max(attempts[entry.model] ?? 0, entry.attempt);
      if (entry.outcome !== 'whole' || entry.completion_tokens === 0) continue;
      prompt += entry.prompt_tokens;
      completion += entry.completion_tokens;
    }
    return {
      requests: this.#entries.map((entry) => ({ ...entry })),
      attempts,
      usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion },
      open: this.#entries.filter((entry) => entry.outcome === 'open').length,
    };
  }
}
