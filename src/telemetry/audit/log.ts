import { randomBytes } from 'node:crypto';
import type { Call } from '../../kernel/call.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Fault } from '../../kernel/fault.ts';
import { genesis, link } from './chain.ts';
import type { AuditEvents } from './events.ts';
import { AuditFile, fullSuffix } from './file.ts';
import { recordOf } from './record.ts';
import { readTail, type Tail } from './tail.ts';

/** What the log needs of its file. */
export type WritableFile = Pick<
  AuditFile,
  'bytes' | 'newestFull' | 'inspect' | 'append' | 'sync' | 'setAside' | 'close'
>;

export interface AuditOptions {
  readonly path: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** Number of the process that writes, for the records. */
  readonly worker: number;
  /** A file of so many bytes is put away, and the chain goes on in the next. */
  readonly maxFileBytes: number;
  /** Records that may wait to be written; those beyond are lost, and counted. */
  readonly maxWaiting: number;
  /** How often the chain's place is told, in milliseconds. */
  readonly anchorMs: number;
  readonly clock: Clock;
  readonly events: AuditEvents;
  /** Stands in for `AuditFile` in tests. */
  readonly openFile?: (path: string) => WritableFile;
}

/** Records are written together: one write for each would cost more than the rest of their calls. */
const gatherMs = 20;
const retryMs = 1_000;
const inspectMs = 1_000;
const mostAtOnce = 1_000;
/** How long the end of the process waits for a file that can't be written. */
const farewellMs = 2_000;

/** A record of the log itself. */
interface OwnRecord {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A record on its way: its JSON, and its line once it has its place in the chain. */
interface Waiting {
  readonly json: string;
  line?: Buffer;
  mac?: Buffer;
}

/**
 * The audit log of one process: a chain of records in a file of its own. Calls are recorded in memory and written soon
 * after, in their order; a file that can't be written makes them wait, and is tried again until it can.
 */
export class AuditLog {
  readonly #options: AuditOptions;
  readonly #file: WritableFile;
  #chain = '';
  /** Number and MAC of the last record in the file. */
  #seq = -1;
  #mac: Buffer = genesis;
  #queue: Waiting[] = [];
  /** What is being written now. */
  #batch: Waiting[] = [];
  /** Bytes of the batch's first line that are in the file. */
  #offset = 0;
  #lost = 0;
  /** A full file gets its last record before it is put away. */
  #rotation: 'none' | 'closing' | 'closed' = 'none';
  #failure: Error | undefined;
  #scheduled = false;
  #closing = false;
  #running: Promise<void> | undefined;
  #inspectedAt: number;
  #anchoredSeq = -1;
  #disarm = () => {};

  private constructor(options: AuditOptions, file: WritableFile) {
    this.#options = options;
    this.#file = file;
    this.#inspectedAt = options.clock.now();
  }

  /** Opens the file and takes its chain up. Throws AuditFileError, or what Node throws, where it can't be written. */
  static async open(options: AuditOptions): Promise<AuditLog> {
    const file = options.openFile?.(options.path) ?? new AuditFile(options.path);
    const log = new AuditLog(options, file);
    try {
      await log.#begin();
    } catch (thrown) {
      await file.close().catch(() => {});
      throw thrown;
    }
    log.#anchorAgain();
    return log;
  }

  /** Whether a call that begins now can be sure of its record. */
  get ready(): boolean {
    return this.#failure === undefined && this.#queue.length + this.#batch.length <= this.#options.maxWaiting / 2;
  }

  /** Records a call that has ended. */
  record(call: Call, fault: Fault | undefined): void {
    if (this.#queue.length + this.#batch.length >= this.#options.maxWaiting) {
      this.#lost++;
      this.#options.events.lost(1);
      return;
    }
    this.#queue.push({ json: JSON.stringify(recordOf(call, fault, this.#options.clock)) });
    this.#schedule(gatherMs);
  }

  /** Writes what waits, and the end of the chain. To be called once, when no more calls come. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#disarm();
    this.#enqueue({ type: 'close', reason: 'stopped' });
    const { clock } = this.#options;
    const patience = new Promise<'late'>((resolve) => void clock.after(farewellMs, () => resolve('late')));
    const written = async () => {
      while (this.#queue.length + this.#batch.length > 0) {
        this.#running ??= this.#run();
        await this.#running;
        if (this.#failure !== undefined) return;
      }
      await this.#file.sync();
    };
    await Promise.race([written().catch(() => {}), patience]);
    const left = this.#queue.length + this.#batch.length;
    if (left > 0) this.#options.events.lost(left);
    else this.#anchor();
    await this.#file.close().catch(() => {});
  }

  /** Writes the first record of this process. */
  async #begin(): Promise<void> {
    const { path, key, events } = this.#options;
    let resumed: Tail | undefined;
    if (this.#file.bytes > 0) {
      resumed = readTail(path, key);
      if (resumed === undefined) {
        const suffix = `unverified-${this.#time().replaceAll(/[:.]/g, '-')}`;
        this.#file.setAside(suffix);
        events.unverified(suffix);
      }
    }
    if (resumed !== undefined) {
      this.#continue(resumed);
      if (resumed.torn !== undefined || resumed.unended) await this.#file.append(Buffer.from('\n'));
      this.#enqueue({ type: 'start', ...this.#self(), ...(resumed.torn && { torn: resumed.torn }) });
      if (resumed.torn !== undefined || resumed.unended) events.resumed(resumed);
    } else {
      // A process that was killed between two files left the newest one full.
      const full = this.#file.newestFull();
      const last = full === undefined ? undefined : readTail(full, key);
      if (last === undefined) this.#chain = randomBytes(8).toString('hex');
      else this.#continue(last);
      this.#enqueue(this.#opening(last === undefined ? 'new' : 'full'));
    }
    await this.#writeBatch();
  }

  #continue({ chain, seq, mac }: Tail): void {
    this.#chain = chain;
    this.#seq = seq;
    this.#mac = mac;
  }

  #time = () => new Date(this.#options.clock.wall()).toISOString();

  #self = () => ({ version: 1, chain: this.#chain, worker: this.#options.worker, pid: process.pid });

  #opening = (reason: 'new' | 'full' | 'replaced') => ({
    type: 'open',
    reason,
    ...this.#self(),
    ...(this.#seq >= 0 && { after: this.#mac.toString('hex') }),
  });

  #enqueue(record: OwnRecord): void {
    this.#queue.push(this.#waiting(record));
  }

  #waiting = ({ type, ...rest }: OwnRecord): Waiting => ({
    json: JSON.stringify({ type, time: this.#time(), ...rest }),
  });

  #schedule(ms: number): void {
    if (this.#scheduled || this.#closing || this.#running !== undefined) return;
    this.#scheduled = true;
    this.#options.clock.after(ms, () => {
      this.#scheduled = false;
      if (!this.#closing) this.#running ??= this.#run();
    });
  }

  /** Writes until nothing waits, or it fails; then it is tried again in a while. */
  async #run(): Promise<void> {
    const { events } = this.#options;
    try {
      while (this.#queue.length + this.#batch.length + this.#lost > 0) {
        this.#inspect();
        await this.#writeBatch();
        if (this.#rotation === 'closing') this.#rotation = 'closed';
        if (this.#failure === undefined) continue;
        this.#failure = undefined;
        events.failing(undefined);
      }
      this.#running = undefined;
    } catch (thrown) {
      const known = this.#failure;
      this.#failure = thrown instanceof Error ? thrown : new Error('unknown error');
      if (known === undefined) events.failing(this.#failure);
      this.#running = undefined;
      this.#schedule(retryMs);
    }
    events.waiting(this.#queue.length + this.#batch.length);
  }

  /** Looks after the file from time to time, and always while it fails. */
  #inspect(): void {
    const { clock, events, maxFileBytes } = this.#options;
    const now = clock.now();
    if (this.#failure !== undefined || now - this.#inspectedAt >= inspectMs) {
      this.#inspectedAt = now;
      const what = this.#file.inspect();
      if (what !== undefined) {
        events.interfered(what);
        if (what.kind === 'replaced') this.#startFile('replaced');
        else this.#putFirst(this.#waiting({ type: 'changed', expected: what.expected, found: what.found }));
      }
    }
    if (this.#rotation === 'closed') {
      this.#file.setAside(fullSuffix(this.#seq));
      this.#startFile('full');
    } else if (this.#rotation === 'none' && this.#file.bytes >= maxFileBytes && this.#offset === 0) {
      this.#rotation = 'closing';
      this.#putFirst(this.#waiting({ type: 'close', reason: 'full' }));
    }
  }

  #startFile(reason: 'full' | 'replaced'): void {
    this.#offset = 0;
    if (this.#rotation === 'closing') this.#batch.shift();
    this.#rotation = 'none';
    this.#putFirst(this.#waiting(this.#opening(reason)));
  }

  /** What waits has its place behind this one now. */
  #putFirst(record: Waiting): void {
    if (this.#offset > 0) {
      // The rest of a torn line comes before.
      const [torn, ...rest] = this.#batch;
      this.#batch = [...(torn === undefined ? [] : [torn]), ...[record, ...rest].map(({ json }) => ({ json }))];
    } else this.#batch = [record, ...this.#batch].map(({ json }) => ({ json }));
  }

  /** Gives what waits its place in the chain and writes it. What was written when it throws is not written again. */
  async #writeBatch(): Promise<void> {
    const { key, events } = this.#options;
    if (this.#batch.length === 0) {
      this.#batch = this.#queue.splice(0, mostAtOnce);
      if (this.#lost > 0 && this.#queue.length === 0) {
        this.#batch.push(this.#waiting({ type: 'gap', lost: this.#lost }));
        this.#lost = 0;
      }
    }
    let mac = this.#mac;
    let seq = this.#seq;
    const lines: Buffer[] = [];
    for (const record of this.#rotation === 'closing' ? this.#batch.slice(0, 1) : this.#batch) {
      seq++;
      if (record.line === undefined || record.mac === undefined) {
        const linked = link(key, mac, `{"seq":${seq},${record.json.slice(1)}`);
        record.line = linked.line;
        record.mac = linked.mac;
      }
      mac = record.mac;
      lines.push(record.line);
    }
    let bytes = Buffer.concat(lines).subarray(this.#offset);
    while (bytes.length > 0) {
      const count = await this.#file.append(bytes);
      bytes = bytes.subarray(count);
      const before = this.#batch.length;
      this.#settle(count);
      if (before > this.#batch.length) events.written(before - this.#batch.length);
    }
  }

  /** So many more bytes of the batch are in the file. */
  #settle(count: number): void {
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
  }

  #anchorAgain(): void {
    const { clock, anchorMs } = this.#options;
    this.#anchor();
    this.#disarm = clock.after(anchorMs, () => {
      // Nothing is lost if it fails: the next write tells.
      this.#file.sync().then(
        () => this.#anchorAgain(),
        () => this.#anchorAgain(),
      );
    });
  }

  #anchor(): void {
    if (this.#seq === this.#anchoredSeq) return;
    this.#anchoredSeq = this.#seq;
    this.#options.events.anchored({ chain: this.#chain, seq: this.#seq, mac: this.#mac.toString('hex') });
  }
}
