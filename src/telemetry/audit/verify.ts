import { createReadStream } from 'node:fs';
import { follows, type ReadLine, readLine, sequenceOf } from './chain.ts';
import type { Anchor } from './events.ts';
import { before, tornOf } from './tail.ts';

/** Something that is said of a place in a file; lines count from 1, and 0 stands for the file. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** What was found of one chain. */
export interface VerifiedChain {
  readonly chain: string;
  readonly files: number;
  /** Numbers of its first and last record. */
  readonly first: number;
  readonly last: number;
  /** Whether its last record says that nothing follows. */
  readonly closed: boolean;
}

export interface Verification {
  /** What no gateway left so: lines that were changed, deleted, inserted or put elsewhere. */
  readonly problems: readonly Finding[];
  /** What a gateway says itself, and what can't be judged. */
  readonly notes: readonly Finding[];
  readonly chains: readonly VerifiedChain[];
}

const lineFeed = 10;
/** No record is longer; what is, is told as one that nobody wrote. */
const longestLine = 1024 * 1024;

interface Line {
  readonly bytes: Buffer;
  readonly ended: boolean;
}

async function* linesOf(file: string): AsyncGenerator<Line> {
  let pieces: Buffer[] = [];
  let length = 0;
  const keep = (piece: Buffer) => {
    if (length <= longestLine) pieces.push(piece);
    length += piece.length;
  };
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, from)) {
      keep(chunk.subarray(from, at));
      yield { bytes: Buffer.concat(pieces), ended: true };
      pieces = [];
      length = 0;
      from = at + 1;
    }
    if (from < chunk.length) keep(chunk.subarray(from));
  }
  if (length > 0) yield { bytes: Buffer.concat(pieces), ended: false };
}

/** The chain that a file's first line says it is of, and that line's number in it. */
async function headOf(file: string): Promise<{ readonly file: string; readonly chain: string; readonly seq: number }> {
  for await (const { bytes } of linesOf(file)) {
    const head = readLine(bytes);
    const chain = head?.record['chain'];
    return { file, chain: typeof chain === 'string' ? chain : '', seq: head === undefined ? -1 : sequenceOf(head) };
  }
  return { file, chain: '', seq: -1 };
}

/** Follows one chain through its files. */
class ChainReader {
  readonly #key: Uint8Array;
  readonly #anchors: Map<number, string>;
  readonly problems: Finding[] = [];
  readonly notes: Finding[] = [];
  first = -1;
  last = -1;
  closed = false;
  /** Whether the last record says that another file follows. */
  continues = false;
  /** The MAC that the line before states, and that of the last line that verified. */
  #stated: Buffer | undefined;
  #good: Buffer | undefined;
  #strange: (Finding & { readonly bytes: Buffer }) | undefined;

  constructor(key: Uint8Array, anchors: Map<number, string>) {
    this.#key = key;
    this.#anchors = anchors;
  }

  async read(file: string): Promise<void> {
    let line = 0;
    for await (const { bytes, ended } of linesOf(file)) {
      line++;
      const read = readLine(bytes);
      if (read !== undefined) this.#judge(read, { file, line });
      else if (ended) this.#setStrange({ file, line, bytes, text: 'is no record' });
      else this.#problem({ file, line }, 'is torn: the process was killed, or the file was cut');
    }
    this.#flushStrange();
    if (line === 0) this.#problem({ file, line }, 'is empty');
  }

  /** Nothing follows. */
  end(file: string): void {
    const text = `ends at record ${this.last}, which says that another file follows: that one is not here`;
    if (this.continues) this.#problem({ file, line: 0 }, text);
    for (const [seq] of this.#anchors)
      if (seq > this.last)
        this.#problem({ file, line: 0 }, `ends at record ${this.last}, but was told to be at ${seq}: it was cut off`);
  }

  #judge(read: ReadLine, at: Omit<Finding, 'text'>): void {
    const { record, mac } = read;
    const seq = sequenceOf(read);
    const starts = this.#stated === undefined;
    if (starts) {
      this.#stated = before(record);
      this.first = seq;
      this.last = seq - 1;
      if (seq > 0) this.#note(at, `starts at record ${seq}: what came before is not judged`);
    }
    const expected = this.last + 1;
    const candidates = [this.#stated, this.#good].filter((known) => known !== undefined);
    const verified = candidates.some((known) => follows(this.#key, known, read)) && seq >= expected;
    this.#flushStrange(verified ? record : undefined);
    this.#stated = mac;
    if (!verified) {
      if (seq > expected) {
        const missing = expected === seq - 1 ? `record ${expected} is` : `records ${expected} to ${seq - 1} are`;
        this.#problem(at, `${missing} missing before record ${seq}`);
      } else if (seq < expected) this.#problem(at, `record ${seq} is out of place: record ${expected} is due`);
      else this.#problem(at, `record ${seq} does not verify: it was changed, or the key is another`);
      this.last = Math.max(this.last, seq);
      return;
    }
    this.#good = mac;
    this.last = seq;
    this.closed = record['type'] === 'close' && record['reason'] === 'stopped';
    this.continues = record['type'] === 'close' && record['reason'] === 'full';
    const anchor = this.#anchors.get(seq);
    if (anchor !== undefined && anchor !== mac.toString('hex'))
      this.#problem(at, `record ${seq} is not the one that was told of: what led to it was replaced`);
    if (record['type'] === 'gap') this.#note(at, `${record['lost']} calls have no record: too many waited`);
    if (record['type'] === 'changed') this.#note(at, 'the gateway found the file changed before this record');
    if (record['type'] === 'open' && record['reason'] === 'replaced')
      this.#note(at, 'the gateway found another file, or none, where it wrote');
  }

  #setStrange(found: Finding & { readonly bytes: Buffer }): void {
    this.#flushStrange();
    this.#strange = found;
  }

  /** A line that is no record is what a killed process left, if the next record tells exactly that. */
  #flushStrange(next?: Readonly<Record<string, unknown>>): void {
    const found = this.#strange;
    if (found === undefined) return;
    this.#strange = undefined;
    const { file, line, text, bytes } = found;
    const told = next?.['torn'] as { readonly bytes?: unknown; readonly sha256?: unknown } | undefined;
    const torn = tornOf(bytes);
    if (told !== undefined && told.bytes === torn.bytes && told.sha256 === torn.sha256)
      this.#note({ file, line }, 'is torn: the process was killed, as the next record says');
    else this.#problem({ file, line }, text);
  }

  #problem(at: Omit<Finding, 'text'>, text: string): void {
    this.problems.push({ ...at, text });
  }

  #note(at: Omit<Finding, 'text'>, text: string): void {
    this.notes.push({ ...at, text });
  }
}

/**
 * Verifies the files of audit logs: each chain through all of its files, in whatever order they are given, and against
 * places of it that are known from elsewhere. Rejects where a file can't be read.
 */
export async function verifyAudit(
  files: readonly string[],
  key: Uint8Array,
  anchors: readonly Anchor[] = [],
): Promise<Verification> {
  const heads = await Promise.all(files.map(headOf));
  const byChain = Map.groupBy(heads, ({ chain }) => chain);
  const problems: Finding[] = [];
  const notes: Finding[] = [];
  const chains: VerifiedChain[] = [];
  for (const [chain, parts] of byChain) {
    const known = anchors.filter((anchor) => anchor.chain === chain).map(({ seq, mac }) => [seq, mac] as const);
    const reader = new ChainReader(key, new Map(known));
    parts.sort((a, b) => a.seq - b.seq);
    for (const { file } of parts) await reader.read(file);
    reader.end(parts.at(-1)?.file ?? '');
    problems.push(...reader.problems);
    notes.push(...reader.notes);
    const { first, last, closed } = reader;
    if (chain !== '') chains.push({ chain, files: parts.length, first, last, closed });
    else problems.push(...parts.map(({ file }) => ({ file, line: 1, text: 'does not say which chain it is of' })));
  }
  for (const chain of new Set(anchors.map((anchor) => anchor.chain)))
    if (!byChain.has(chain))
      problems.push({ file: '', line: 0, text: `no file is of the chain ${chain}, which was told of` });
  return { problems, notes, chains };
}
