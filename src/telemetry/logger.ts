import { type DestinationStream, type LogFn, type Logger, pino } from 'pino';
import { redact } from './redact.ts';
import { stdout } from './stdout.ts';

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

let toldAt = 0;
let told = '';

/** The time member of a line, in ISO 8601; made once a millisecond. */
export function timeMember(): string {
  const now = Date.now();
  if (now !== toldAt) {
    toldAt = now;
    told = `,"time":"${new Date(now).toISOString()}"`;
  }
  return told;
}

/** The members that stand in every line of a logger, each after a comma. */
export function bindingsOf(logger: Logger): string {
  const text = JSON.stringify(logger.bindings()).slice(1, -1);
  return text === '' ? '' : `,${text}`;
}

/** Writes a line that is made already, its end included, whatever its level. */
export function writeLine(logger: Logger, line: string): void {
  (logger as unknown as Readonly<Record<symbol, DestinationStream>>)[pino.symbols.streamSym]?.write(line);
}

/** The gateway's logger: JSON lines, times in ISO 8601. */
export function createLogger({ level, destination, worker }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: worker === undefined ? null : { worker },
      timestamp: timeMember,
      formatters: { level: (label) => ({ level: label }), log: redact },
      hooks: { logMethod: withMessage },
    },
    destination ?? stdout(worker),
  );
}
