import { type ParseArgsConfig, parseArgs } from 'node:util';
import { UsageError } from './verb.ts';

/** node's parseArgs, strict; what it refuses becomes a UsageError. */
export function parse<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (cause) {
    throw new UsageError((cause as Error).message.split('. To specify')[0] ?? '');
  }
}

/** A number given as `--name value`; undefined where it was not. */
export function number(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`--${name} must be a number, not '${text}'`);
  return value;
}

/** A whole number from `least` on, given as `--name value`; undefined where it was not. */
export function wholeNumber(name: string, text: string | undefined, least = 0): number | undefined {
  const value = number(name, text);
  if (value !== undefined && (!Number.isSafeInteger(value) || value < least))
    throw new UsageError(`--${name} must be a whole number from ${least} on, not '${text}'`);
  return value;
}
