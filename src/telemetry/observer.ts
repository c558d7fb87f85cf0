import type { Clock } from '../kernel/clock.ts';
import { Code, type FaultReason, faults } from '../kernel/fault.ts';
import type { CallObserver } from '../kernel/observer.ts';
import { callLine, type Verdict } from './call-line.ts';
import type { CallMetrics } from './call-metrics.ts';
import { codeName } from './code-name.ts';
import { bindingsOf, type Logger, writeLine } from './logger.ts';
import { isProbe } from './probe.ts';

export interface ObserverOptions {
  readonly logger: Logger;
  readonly metrics: CallMetrics;
  readonly clock: Clock;
}

/** A failing gateway is an error, a failing provider a warning; what callers do wrong is everyday business. */
const levels: Readonly<Partial<Record<Code, Verdict['level']>>> = {
  [Code.INTERNAL]: 'error',
  [Code.UNKNOWN]: 'error',
  [Code.DATA_LOSS]: 'error',
  [Code.UNAVAILABLE]: 'warn',
  [Code.DEADLINE_EXCEEDED]: 'warn',
};

const ok: Verdict = { level: 'info', outcome: 'ok', code: 'OK' };
/** Of probes: a line for each would bury the calls. */
const quietOk: Verdict = { ...ok, level: 'debug' };
const verdicts = Object.fromEntries(
  Object.entries(faults).map(([outcome, { code }]): [string, Verdict] => [
    outcome,
    { level: levels[code] ?? 'info', outcome, code: codeName(code) },
  ]),
) as Record<FaultReason, Verdict>;

/** Writes one line for each call at its end, and feeds the call metrics. Never contents, never secrets. */
export function createObserver({ logger, metrics, clock }: ObserverOptions): CallObserver {
  const bindings = bindingsOf(logger);

  return {
    begin(call) {
      metrics.begin(call);
    },
    end(call, fault) {
      const duration = clock.now() - call.startedAt;
      const firstToken = call.firstTokenAt === undefined ? undefined : call.firstTokenAt - call.startedAt;
      const verdict = fault !== undefined ? verdicts[fault.reason] : isProbe(call.method) ? quietOk : ok;
      metrics.end(call, verdict.outcome, duration, firstToken);
      if (!logger.isLevelEnabled(verdict.level)) return;
      writeLine(logger, callLine(call, verdict, bindings, duration, firstToken, fault));
    },
  };
}
