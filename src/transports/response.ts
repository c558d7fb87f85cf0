import { constants } from 'node:http2';
import type { Call } from '../kernel/call.ts';
import { Fault } from '../kernel/fault.ts';
import type { SurfaceResponse } from './surface-io.ts';

/** On replies of the RPC protocols: they are for no browser to guess at, and no cache to keep. */
export const uncached = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' } as const;

/** What emits `finish` and `close` of a reply reliably: over HTTP/2 the stream, not the response object. */
export const finished = <R extends Pick<SurfaceResponse, 'stream'>>(response: R) => response.stream ?? response;

/** Cuts a reply short so that the caller sees it was cut. */
export function reset(response: Pick<SurfaceResponse, 'stream' | 'destroy'>): void {
  if (response.stream === undefined) response.destroy();
  else response.stream.close(constants.NGHTTP2_CANCEL);
}

/** How long a reply to a cancelled call may wait for a reader that does not read. */
const lingerMs = 1_000;

/** Runs `resume` once the caller has read on, or has gone; one that does not read for `stallMs` is cut off. */
export function whenDrained(response: SurfaceResponse, call: Call, stallMs: number, resume: () => void): void {
  const emitter = finished(response);
  const giveUp = (): void => {
    call.cancellation.cancel(new Fault('CANCELLED', 'the caller does not read its answer'));
    reset(response);
  };
  let timer = setTimeout(giveUp, stallMs);
  const settle = (): void => {
    clearTimeout(timer);
    forget();
    emitter.off('close', settle);
    response.off('drain', settle);
    resume();
  };
  const forget = call.cancellation.onCancel(() => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, lingerMs);
  });
  emitter.once('close', settle);
  response.once('drain', settle);
}
