import { Code, Fault } from '../../kernel/fault.ts';

/** A request that gRPC itself refuses: the fault, and the code that its specification asks for where that is another. */
export interface Refusal {
  readonly fault: Fault;
  readonly code?: Code;
  /** Trailing metadata that comes with it. */
  readonly trailers?: Readonly<Record<string, string>>;
}

export const unreadable = (): Refusal => ({ fault: new Fault('BODY_INVALID', 'the request could not be read') });

export const tooLarge = (): Refusal => ({ fault: new Fault('TOO_LARGE', 'the request is too large') });

/** gRPC status codes, "Cardinality violation". */
export const notOne = (): Refusal => ({
  fault: new Fault('BODY_INVALID', 'not exactly one request message'),
  code: Code.UNIMPLEMENTED,
});

/** A message says that it is compressed, and the call does not say with what (gRPC compression, test case 7). */
export const compressedWithNothing = (): Refusal => ({ ...unreadable(), code: Code.INTERNAL });

/** gRPC compression, "Specification": UNIMPLEMENTED, with what would have been taken. */
export const unknownCoding = (taken: string): Refusal => ({
  fault: new Fault('MEDIA_TYPE_UNSUPPORTED', 'unknown compression'),
  code: Code.UNIMPLEMENTED,
  trailers: { 'grpc-accept-encoding': taken },
});
