import { Code, Fault } from '../../kernel/fault.ts';

/** A request that a protocol itself refuses: the fault, and the code that its specification asks for where that is another. */
export interface Refusal {
  readonly fault: Fault;
  readonly code?: Code;
  /** What the caller is told where it is not what the log is: it may quote the request. */
  readonly text?: string;
  /** Trailing metadata that comes with it. */
  readonly trailers?: Readonly<Record<string, string>>;
}

/** What a request can be refused for before its method, in the words of one protocol. */
export interface Refusals {
  /** Not to be read; `why` is for the caller alone, who wrote what it may quote. */
  unreadable(why?: string): Refusal;
  /** A deadline that is none. */
  badTimeout(text: string): Refusal;
  /** Larger than allowed; `bytes` where the size is known before all of it has come. */
  tooLarge(bytes?: number): Refusal;
  /** Small enough only as long as it is compressed. */
  tooLargeDecompressed(): Refusal;
  /** Compressed with something else than it says, or cut short. */
  notCompressed(): Refusal;
  /** It ends within its message. */
  cutShort(): Refusal;
  /** No message, or more than one (gRPC status codes, "Cardinality violation"). */
  notOne(more: boolean): Refusal;
  /** A message says that it is compressed, and the call does not say with what (gRPC compression, test case 7). */
  compressedWithNothing(): Refusal;
  /** gRPC compression, "Specification": UNIMPLEMENTED, with what would have been taken. */
  unknownCoding(named: string, taken: string): Refusal;
}

const unreadable = (): Refusal => ({ fault: new Fault('BODY_INVALID', 'the request could not be read') });
const tooLarge = (): Refusal => ({ fault: new Fault('TOO_LARGE', 'the request is too large') });

/** The plain words of faults, quoting nothing: gRPC's. */
export const plainRefusals: Refusals = {
  unreadable,
  badTimeout: unreadable,
  tooLarge,
  tooLargeDecompressed: tooLarge,
  notCompressed: unreadable,
  cutShort: unreadable,
  notOne: () => ({ fault: new Fault('BODY_INVALID', 'not exactly one request message'), code: Code.UNIMPLEMENTED }),
  compressedWithNothing: () => ({ ...unreadable(), code: Code.INTERNAL }),
  unknownCoding: (_named, taken) => ({
    fault: new Fault('MEDIA_TYPE_UNSUPPORTED', 'unknown compression'),
    code: Code.UNIMPLEMENTED,
    trailers: { 'grpc-accept-encoding': taken },
  }),
};
