import type { Interceptor, Rpc } from '../kernel/method.ts';

/** The same methods with the interceptors around each, the first one outermost. Composed once, at the start. */
export const intercept = (rpcs: readonly Rpc[], interceptors: readonly Interceptor[]): Rpc[] =>
  rpcs.map(({ desc, handle }) => ({
    desc,
    handle: interceptors.reduceRight((next, interceptor) => interceptor(next), handle),
  }));
