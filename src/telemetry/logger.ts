import { type DestinationStream, type Logger, pino } from 'pino';
import { errorShape } from './error-shape.ts';
import { redact } from './redact.ts';

export type { Logger };

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Where the lines go; stdout where none is given. */
  readonly destination?: DestinationStream;
}

/**
 * The gateway's logger: JSON lines, a line as it happens, times in ISO 8601. Lines are written without blocking the event
 * loop and flushed when the process ends.
 */
export function createLogger({ level, destination }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }), log: redact },
      serializers: { err: errorShape, error: errorShape },
    },
    destination ?? pino.destination({ dest: 1, sync: false, minLength: 0 }),
  );
}
