import type { Answer } from '../clients/caller.ts';
import { isWhole } from './checked-text.ts';

const prefix = 'soak-';
const recentLines = 10_000;

/** Every call of a load by its number: how it ended, and how often it stands in the log. */
export class LoadTally {
  #next = 0;
  /** Endings, 0 for none yet. */
  readonly #ends: Uint8Array;
  readonly #lines: Uint8Array;
  readonly counts = { whole: 0, honest: 0, left: 0 };
  /** Honest errors by their reason. */
  readonly reasons: Record<string, number> = {};
  /** What is none of the three, or came twice. */
  readonly wrong: string[] = [];
  #foreign = 0;
  /** Lines of the log, the latest `recentLines` of them. */
  readonly #recent: string[] = [];
  #seen = 0;
  /** Where in `wrong` the calls stand whose line is still to come. */
  readonly #lineless = new Map<number, number>();

  constructor(mostCalls: number) {
    this.#ends = new Uint8Array(mostCalls);
    this.#lines = new Uint8Array(mostCalls);
  }

  get calls(): number {
    return this.#next;
  }

  get open(): number {
    const { whole, honest, left } = this.counts;
    return this.#next - whole - honest - left - this.wrong.length;
  }

  begin(): number {
    return this.#next++;
  }

  /** The `x-request-id` of a call. */
  idOf(call: number): string {
    return `${prefix}${call}`;
  }

  whole(call: number): void {
    this.#end(call, 1);
    this.counts.whole++;
  }

  honest(call: number, reason: string): void {
    this.#end(call, 1);
    this.counts.honest++;
    this.reasons[reason] = (this.reasons[reason] ?? 0) + 1;
  }

  /** The caller left by itself; it may have been gone before the gateway saw it. */
  left(call: number): void {
    this.#end(call, 2);
    this.counts.left++;
  }

  /** Neither whole nor an error that the gateway named; what its log says of the call stands beside it. */
  broken(call: number, how: string): void {
    this.#end(call, 1);
    const id = `"request_id":"${this.idOf(call)}"`;
    const line = this.#recent.find((recent) => recent.includes(id));
    if (line === undefined) this.#lineless.set(call, this.wrong.length);
    this.wrong.push(`${this.idOf(call)}: ${how}${line === undefined ? '' : `\n${line}`}`);
  }

  /** The answer to a call that asked for its own words, of which an error may let through the first. */
  judge(call: number, client: string, asked: string, { text, failure, finish }: Answer): void {
    if (failure === undefined && text === asked && isWhole(text) && finish !== '') this.whole(call);
    else if (failure !== undefined && asked.startsWith(text) && isTyped(failure)) this.honest(call, nameOf(failure));
    else {
      const ending = failure === undefined ? 'no failure' : `${nameOf(failure)} (${failure.message})`;
      this.broken(call, `${client}: ${ending} after ${JSON.stringify(text)}`);
    }
  }

  /** A line of the gateway's log. */
  line(line: string): void {
    if (!line.includes('"msg":"call"')) return;
    const id = /"request_id":"soak-(\d+)"/.exec(line)?.[1];
    if (id === undefined) {
      this.#foreign++;
      return;
    }
    const call = Number(id);
    this.#lines[call] = (this.#lines[call] ?? 0) + 1;
    this.#recent[this.#seen++ % recentLines] = line;
    const at = this.#lineless.get(call);
    if (at === undefined) return;
    this.wrong[at] += `\n${line}`;
    this.#lineless.delete(call);
  }

  /** Calls without their one line in the log; one that its caller left may have none. */
  unlogged(): string[] {
    const found: string[] = this.#foreign === 0 ? [] : [`${this.#foreign} lines of calls that nobody made`];
    for (let call = 0; call < this.#next; call++) {
      const lines = this.#lines[call];
      if (lines !== 1 && !(lines === 0 && this.#ends[call] === 2)) found.push(`${this.idOf(call)}: ${lines} lines`);
    }
    return found;
  }

  #end(call: number, how: number): void {
    if (this.#ends[call] !== 0) this.wrong.push(`${this.idOf(call)} ended twice`);
    this.#ends[call] = how;
  }
}

type Failed = NonNullable<Answer['failure']>;
const nameOf = ({ reason, code }: Failed): string => reason || code;
/** The gateway gives a reason, or OpenAI's code in lower case; where there is but a status, a client named it itself. */
const isTyped = ({ reason, code }: Failed): boolean => reason !== '' || /^[a-z_]+$/.test(code);
