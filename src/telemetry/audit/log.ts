import { randomBytes } from 'node:crypto';
import type { Call } from '../../kernel/call.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Fault } from '../../kernel/fault.ts';
import { ChainEnd } from './chain-end.ts';
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

/**
 * The audit log of one process: a chain of records in a file of its own. Calls are recorded in memory and written soon
 * after, in their order; a file that can't be written makes them wait, and is tried again until it can.
 */
export class AuditLog {
  readonly #options: AuditOptions;
  readonly #file: WritableFile;
  readonly #end: ChainEnd;
  /** What waits behind that which is being written. */
  readonly #queue: string[] = [];
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
    this.#end = new ChainEnd(options.key);
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

  get #waiting(): number {
    return this.#queue.length + this.#end.length;
  }

  /** Whether a call that begins now can be sure of its record. */
  get ready(): boolean {
    return this.#failure === undefined && this.#waiting <= this.#options.maxWaiting / 2;
  }

  /** Records a call that has ended. */
  record(call: Call, fault: Fault | undefined): void {
    if (this.#waiting >= this.#options.maxWaiting) {
      this.#lost++;
      this.#options.events.lost(1);
      return;
    }
    this.#queue.push(JSON.stringify(recordOf(call, fault, this.#options.clock)));
    this.#schedule(gatherMs);
  }

  /** Writes what waits, and the end of the chain. To be called once, when no more calls come. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#disarm();
    this.#queue.push(this.#own({ type: 'close', reason: 'stopped' }));
    const { clock } = this.#options;
    const patience = new Promise<'late'>((resolve) => void clock.after(farewellMs, () => resolve('late')));
    const written = async () => {
      while (this.#waiting > 0) {
        this.#running ??= this.#run();
        await this.#running;
        if (this.#failure !== undefined) return;
      }
      await this.#file.sync();
    };
    await Promise.race([written().catch(() => {}), patience]);
    const left = this.#waiting;
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
      this.#end.continue(resumed);
      if (resumed.torn !== undefined || resumed.unended) await this.#file.append(Buffer.from('\n'));
      this.#end.add([this.#own({ type: 'start', ...this.#self(), ...(resumed.torn && { torn: resumed.torn }) })]);
      if (resumed.torn !== undefined || resumed.unended) events.resumed(resumed);
    } else {
      // A process that was killed between two files left the newest one full.
      const full = this.#file.newestFull();
      const last = full === undefined ? undefined : readTail(full, key);
      if (last === undefined) this.#end.begin(randomBytes(8).toString('hex'));
      else this.#end.continue(last);
      this.#end.add([this.#opening(last === undefined ? 'new' : 'full')]);
    }
    await this.#writeBatch();
  }

  #time = () => new Date(this.#options.clock.wall()).toISOString();

  #self = () => ({ version: 1, chain: this.#end.anchor.chain, worker: this.#options.worker, pid: process.pid });

  #own = ({ type, ...rest }: OwnRecord): string => JSON.stringify({ type, time: this.#time(), ...rest });

  #opening(reason: 'new' | 'full' | 'replaced'): string {
    const { seq, mac } = this.#end.anchor;
    return this.#own({ type: 'open', reason, ...this.#self(), ...(seq >= 0 && { after: mac }) });
  }

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
      while (this.#waiting + this.#lost > 0) {
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
    events.waiting(this.#waiting);
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
        else if (this.#rotation === 'none')
          this.#end.addFirst(this.#own({ type: 'changed', expected: what.expected, found: what.found }));
      }
    }
    if (this.#rotation === 'closed') {
      this.#file.setAside(fullSuffix(this.#end.anchor.seq));
      this.#startFile('full');
    } else if (this.#rotation === 'none' && this.#file.bytes >= maxFileBytes && !this.#end.torn) {
      this.#rotation = 'closing';
      this.#end.addFirst(this.#own({ type: 'close', reason: 'full' }));
    }
  }

  #startFile(reason: 'full' | 'replaced'): void {
    this.#end.startFile();
    if (this.#rotation === 'closing') this.#end.dropFirst();
    this.#rotation = 'none';
    this.#end.addFirst(this.#opening(reason));
  }

  /** Writes what waits, as much as goes at once. What was written when it throws is not written again. */
  async #writeBatch(): Promise<void> {
    if (this.#end.length === 0) {
      this.#end.add(this.#queue.splice(0, mostAtOnce));
      if (this.#lost > 0 && this.#queue.length === 0) {
        this.#end.add([this.#own({ type: 'gap', lost: this.#lost })]);
        this.#lost = 0;
      }
    }
    let bytes = this.#end.bytes(this.#rotation === 'closing' ? 1 : Number.POSITIVE_INFINITY);
    while (bytes.length > 0) {
      const count = await this.#file.append(bytes);
      bytes = bytes.subarray(count);
      const done = this.#end.settle(count);
      if (done > 0) this.#options.events.written(done);
    }
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
    const { anchor } = this.#end;
    if (anchor.seq === this.#anchoredSeq) return;
    this.#anchoredSeq = anchor.seq;
    this.#options.events.anchored(anchor);
  }
}
