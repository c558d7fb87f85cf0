import { genesis, link } from './chain.ts';
import type { Anchor } from './events.ts';
import type { Tail } from './tail.ts';

/** A record on its way: its JSON, and its line once it has its place in the chain. */
interface Waiting {
  readonly json: string;
  line?: Buffer;
  mac?: Buffer;
}

/** The end of a chain: the last record that is in a file, and those that are to be written behind it now. */
export class ChainEnd {
  readonly #key: Uint8Array;
  #chain = '';
  #seq = -1;
  #mac: Buffer = genesis;
  #batch: Waiting[] = [];
  /** Bytes of the batch's first line that are in the file. */
  #offset = 0;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** Where the chain stands: its last record in a file, -1 before the first. */
  get anchor(): Anchor {
    return { chain: this.#chain, seq: this.#seq, mac: this.#mac.toString('hex') };
  }

  /** Records to be written. */
  get length(): number {
    return this.#batch.length;
  }

  /** Whether a part of a line is in the file. */
  get torn(): boolean {
    return this.#offset > 0;
  }

  begin(chain: string): void {
    this.#chain = chain;
  }

  continue({ chain, seq, mac }: Tail): void {
    this.#chain = chain;
    this.#seq = seq;
    this.#mac = mac;
  }

  /** Adds records, as JSON objects, behind those that are to be written. */
  add(records: readonly string[]): void {
    for (const json of records) this.#batch.push({ json });
  }

  /** Adds one before the others, but behind the rest of a torn line; they get new places in the chain. */
  addFirst(json: string): void {
    const kept = this.torn ? this.#batch.slice(0, 1) : [];
    const moved = this.#batch.slice(kept.length).map((record) => ({ json: record.json }));
    this.#batch = [...kept, { json }, ...moved];
  }

  dropFirst(): void {
    this.#batch.shift();
  }

  /** The file is another: what a torn line has in the old one does not count. */
  startFile(): void {
    this.#offset = 0;
  }

  /** The bytes to be written, of the first `most` records. */
  bytes(most: number): Buffer {
    let mac = this.#mac;
    let seq = this.#seq;
    const lines: Buffer[] = [];
    for (const record of this.#batch.slice(0, most)) {
      seq++;
      if (record.line === undefined || record.mac === undefined) {
        const linked = link(this.#key, mac, `{"seq":${seq},${record.json.slice(1)}`);
        record.line = linked.line;
        record.mac = linked.mac;
      }
      mac = record.mac;
      lines.push(record.line);
    }
    return Buffer.concat(lines).subarray(this.#offset);
  }

  /** So many more bytes are in the file; tells how many records they completed. */
  settle(count: number): number {
    let done = 0;
    this.#offset += count;
    for (const { line, mac } of this.#batch) {
      if (line === undefined || mac === undefined || this.#offset < line.length) break;
      this.#offset -= line.length;
      this.#mac = mac;
      this.#seq++;
      done++;
    }
    this.#batch.splice(0, done);
    return done;
  }
}
