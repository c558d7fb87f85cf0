import type { Call } from './call.ts';
import type { Clock } from './clock.ts';

/** Waits `ms`, or rejects with the call's cancellation as soon as that comes. */
export function pause(clock: Clock, { cancellation }: Call, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopTimer = () => {};
    const stopListening = cancellation.onCancel((fault) => {
      stopTimer();
      reject(fault);
    });
    if (cancellation.fault !== undefined) return;
    stopTimer = clock.after(ms, () => {
      stopListening();
      resolve();
    });
  });
}
