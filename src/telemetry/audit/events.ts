import type { Interference } from './file.ts';
import type { Tail } from './tail.ts';

/** A place in a chain: who knows it from elsewhere can tell whether the chain was cut before it. */
export interface Anchor {
  readonly chain: string;
  /** Number of the record. */
  readonly seq: number;
  /** Its MAC, in hex. */
  readonly mac: string;
}

/** Told of how the audit log fares; for metrics and the log. */
export interface AuditEvents {
  /** So many records reached the file. */
  written(records: number): void;
  /** Records that wait to be written. */
  waiting(records: number): void;
  /** So many records were dropped, as too many waited. */
  lost(records: number): void;
  /** It can't be written any more, for this reason; undefined: it can again. */
  failing(thrown: Error | undefined): void;
  /** The file was not as it was left. */
  interfered(what: Interference): void;
  /** A chain that was left without its end is taken up: the process before this one was killed. */
  resumed(tail: Tail): void;
  /** What was in the file does not verify: it was put aside, under this path suffix, and a new chain begun. */
  unverified(suffix: string): void;
  /** Where the chain stands now. */
  anchored(anchor: Anchor): void;
}
