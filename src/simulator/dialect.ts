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

/** A piece of a stream as it goes over the wire. */
export interface WireEvent {
  readonly text: string;
  /** Whether it carries a token; those are what `tps`, `cut`, `stall` and `malformed` count. */
  readonly token: boolean;
}

/** A provider's wire form: reads requests, writes answers; has no behaviour of its own. */
export interface Dialect {
  readonly streamType: string;
  /** Whether the endpoint is this dialect's; the path comes without its query. */
  serves(method: string, path: string): boolean;
  /** Reads as much as tells the model and the knobs. Throws a SimulatedError. */
  parse(path: string, body: string): ParsedRequest;
  /** The whole answer's body. `created` is in Unix seconds. */
  body(answer: Answer, query: Query, created: number): string;
  /** The answer's events; `done` false leaves out the last one where the dialect ends with a mark of its own. */
  events(answer: Answer, query: Query, created: number, done: boolean): WireEvent[];
  /** A content event that breaks off amid its JSON. */
  malformed(answer: Answer, query: Query, created: number): string;
  error(error: SimulatedError): string;
}
