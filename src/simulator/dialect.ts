import type { Answer } from './answer.ts';
import type { Knobs } from './knobs.ts';
import type { Query } from './query.ts';
import type { SimulatedError } from './simulated-error.ts';

/** A request as it was understood. */
export interface ParsedRequest {
  /** The model's name without provider prefix and knobs, lower-case. */
  readonly name: string;
  readonly knobs: Knobs;
  /** Checks the rest of the request. Throws a SimulatedError. */
  query(): Query;
}

/** What goes over the wire: text, or bytes of a binary framing. */
export type WireData = string | Uint8Array;

/** A piece of a stream as it goes over the wire. */
export interface WireEvent {
  readonly data: WireData;
  /** Whether it carries tokens; those are what `tps`, `cut`, `stall`, `malformed` and `fault_after` count. */
  readonly token: boolean;
}

/** An error as an HTTP answer. */
export interface WireError {
  readonly status: number;
  /** Beside `content-type: application/json`, which they may override. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A provider's wire form: reads requests, writes answers; has no behaviour of its own. */
export interface Dialect {
  readonly streamType: string;
  /** Whether the endpoint is this dialect's; the path comes without its query. */
  serves(method: string, path: string): boolean;
  /** Reads as much as tells the model and the knobs. `search` is the target's query without its `?`. Throws a SimulatedError. */
  parse(path: string, body: string, search: string): ParsedRequest;
  /** The whole answer's body. `created` is in Unix seconds. */
  body(answer: Answer, query: Query, created: number): string;
  /** The answer's events; `done` false leaves out what says that the stream is whole. */
  events(answer: Answer, query: Query, created: number, done: boolean): WireEvent[];
  /** A content event that breaks off amid its JSON. */
  malformed(answer: Answer, query: Query, created: number): WireData;
  /** `stream` tells whether a stream was asked for. */
  error(error: SimulatedError, stream: boolean): WireError;
  /** The error as it comes amid a stream. */
  errorEvent(error: SimulatedError): WireData;
}
