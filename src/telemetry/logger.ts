import { type DestinationStream, type LogFn, type Logger, pino } from 'pino';
import { redact } from './redact.ts';

export type { Logger };

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Where the lines go; stdout where none is given. */
  readonly destination?: DestinationStream;
  /** The worker process that writes, where there are several. */
  readonly worker?: number;
}

/** Keeps pino from taking an error's message for the line's where a line has none. */
function withMessage(this: Logger, args: Parameters<LogFn>, method: LogFn): void {
  const [first]: readonly unknown[] = args;
  const isError = first instanceof Error || (typeof first === 'object' && first !== null && 'err' in first);
  if (args.length === 1 && isError) method.call(this, first, 'error');
  else method.apply(this, args);
}

/**
 * The gateway's logger: JSON lines, a line as it happens, times in ISO 8601. Lines are written without blocking the event
 * loop and flushed when the process ends.
 */
export function createLogger({ level, destination, worker }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: worker === undefined ? null : { worker },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }), log: redact },
      hooks: { logMethod: withMessage },
    },
    destination ?? pino.destination({ dest: 1, sync: false, minLength: 0 }),
  );
}
