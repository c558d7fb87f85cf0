import type { DescMethod, Message } from '@bufbuild/protobuf';
import type { Call } from './call.ts';

/** Where a method puts its messages: one for a unary method, any number for a stream. */
export interface Reply<O> {
  /** Takes one message. False: the caller reads slowly, hold on until `onDrain`. */
  message(message: O): boolean;
  /** Runs `resume` once when the caller has caught up. */
  onDrain(resume: () => void): void;
}

/**
 * One method of the contract, the same for every entrance. It resolves when the answer is whole and rejects with a
 * Fault when it is not; a transport never makes a clean end of a rejection.
 */
export type Method<I, O> = (call: Call, request: I, reply: Reply<O>) => Promise<void>;

/** What stands before and after a method: `(next) => method`, composed once at the start. */
export type Interceptor = <I, O>(next: Method<I, O>) => Method<I, O>;

/** A method and its descriptor: all that a transport needs to serve it. */
export interface Rpc<I extends Message = Message, O extends Message = Message> {
  readonly desc: DescMethod;
  readonly handle: Method<I, O>;
}

/** Ties a method to its descriptor; the descriptor's types are the method's. */
export const rpc = <I extends Message, O extends Message>(desc: DescMethod, handle: Method<I, O>): Rpc =>
  ({ desc, handle }) as unknown as Rpc;
