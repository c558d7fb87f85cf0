import type { Call } from './call.ts';
import type { Fault } from './fault.ts';

/** Told of every call once at each end, however it ends: the one source of log lines and call metrics. */
export interface CallObserver {
  begin(call: Call): void;
  /** `fault` is undefined for a whole answer. */
  end(call: Call, fault: Fault | undefined): void;
}
