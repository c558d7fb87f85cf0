import { z } from 'zod';

/** So many of something in so long a time. */
export interface Rate {
  readonly count: number;
  readonly windowMs: number;
}

/** So much money in so long a time. */
export interface Budget {
  readonly usd: number;
  readonly windowMs: number;
}

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** `300ms`, `3s`, `5m`, `2h`, `1d` as milliseconds; `0` needs no unit. Undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * (MILLISECONDS[match[2] ?? ''] ?? Number.NaN);
}

/** `10MiB`, `64KB`, `512` (bytes) as bytes. Undefined for anything else, also for a part of a byte. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(B|[KMG]i?B)?$/.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * (BYTES[match[2] ?? 'B'] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** `600/m`, `5000/s`: a whole number in a second, minute, hour or day. Undefined for anything else. */
export function parseRate(text: string): Rate | undefined {
  const match = /^(\d+)\/([smhd])$/.exec(text);
  if (match === null) return undefined;
  const count = Number(match[1]);
  return Number.isSafeInteger(count) ? { count, windowMs: MILLISECONDS[match[2] ?? ''] ?? Number.NaN } : undefined;
}

/** `5usd/d`: money in a second, minute, hour or day. Undefined for anything else. */
export function parseBudget(text: string): Budget | undefined {
  const match = /^(\d+(?:\.\d+)?)usd\/([smhd])$/i.exec(text);
  return match === null ? undefined : { usd: Number(match[1]), windowMs: MILLISECONDS[match[2] ?? ''] ?? Number.NaN };
}

const unit = <T>(kind: string, example: string, parse: (text: string) => T | undefined) =>
  z
    .union([z.string(), z.number()], { error: `must be a ${kind} such as ${example}` })
    .transform((value, context) => {
      const parsed = parse(String(value).trim());
      if (parsed !== undefined) return parsed;
      context.addIssue(`must be a ${kind} such as ${example}, not ${JSON.stringify(value)}`);
      return z.NEVER;
    })
    .meta({ kind });

/** A duration in the file, milliseconds in the result. */
export const duration = unit('duration', '300ms, 3s, 5m', parseDuration);
/** A size in the file, bytes in the result. */
export const size = unit('size', '10MiB', parseSize);
export const rate = unit('rate', '600/m', parseRate);
export const budget = unit('budget', '5usd/d', parseBudget);
