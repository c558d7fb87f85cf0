import { SimulatedError } from './simulated-error.ts';

/** A fault that is no HTTP status. */
type FaultKind =
  /** The connection is reset before a byte is sent. */
  | 'reset'
  /** The request is read, then nothing comes. */
  | 'silent'
  /** Nobody listens; over a real socket the same as reset. */
  | 'connect'
  /** A body, or an event, that is not JSON. */
  | 'malformed'
  /** 400 `context_length_exceeded`. */
  | 'context'
  /** 400 `content_policy_violation`. */
  | 'content'
  /** 429 `insufficient_quota`. */
  | 'quota';

const faultKinds: ReadonlyMap<unknown, FaultKind> = new Map(
  Object.entries<FaultKind>({
    reset: 'reset',
    silent: 'silent',
    timeout: 'silent',
    connect: 'connect',
    malformed: 'malformed',
    context: 'context',
    content: 'content',
    quota: 'quota',
  }),
);

/** How a simulated model behaves. Counts are of chunks that carry text, reasoning or tool arguments. */
export interface Knobs {
  /** Milliseconds from the head to the first chunk of a stream, or to the whole answer. */
  readonly ttft?: number;
  /** Tokens a second; without it everything comes at once. */
  readonly tps?: number;
  /** Length of the answer, in tokens. */
  readonly tokens?: number;
  /** An HTTP status from 400 to 599, or a kind. */
  readonly fault?: number | FaultKind;
  /** How many attempts at the same request fail before one succeeds; all of them by default. */
  readonly fault_count?: number;
  /** `Retry-After` of a fault, in seconds. */
  readonly retry_after?: number;
  /** The fault comes amid the stream, after this many chunks, as an error event. */
  readonly fault_after?: number;
  /** Closes the connection after this many chunks. */
  readonly cut?: number;
  /** Falls silent after this many chunks. */
  readonly stall?: number;
  /** Milliseconds that a stall, or a silent fault, lasts; for ever by default. A silent fault then hangs up. */
  readonly stall_for?: number;
  /** Leaves out `data: [DONE]`. */
  readonly no_done?: boolean;
  /** Puts an event that is not JSON after this many chunks. */
  readonly malformed?: number;
  /** Answers with the last user message. */
  readonly echo?: boolean;
  /** Tokens of the prompt that are said to have come from a cache. */
  readonly cached?: number;
  /** Tokens of reasoning before the answer. */
  readonly reasoning?: number;
  /** Varies the answer. */
  readonly seed?: number;
  /** Tools to call, by name and joined with `+`, or `all`. */
  readonly call?: string;
  /** `finish_reason` in place of the real one. */
  readonly finish?: string;
}

const MOST_TOKENS = 200_000;

type Parse = (value: unknown) => string | number | boolean | undefined;

function count(value: unknown): number | undefined {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && number >= 0 && number <= MOST_TOKENS && Number.isInteger(number)
    ? number
    : undefined;
}

function positive(value: unknown): number | undefined {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && number > 0 && Number.isFinite(number) ? number : undefined;
}

const units: Readonly<Record<string, number>> = { '': 1, ms: 1, s: 1_000, m: 60_000 };

/** '250ms', '1.5s', '2m'; a bare number is milliseconds. */
function duration(value: unknown): number | undefined {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|)$/.exec(String(value)) ?? [];
  const factor = units[unit ?? 'none'];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

function seconds(value: unknown): number | undefined {
  const bare = count(value);
  if (bare !== undefined) return bare;
  const milliseconds = duration(value);
  return milliseconds === undefined ? undefined : milliseconds / 1_000;
}

function flag(value: unknown): boolean | undefined {
  if (value === true || value === 'true' || value === '1' || value === '') return true;
  return value === false || value === 'false' || value === '0' ? false : undefined;
}

function fault(value: unknown): number | FaultKind | undefined {
  const status = count(value);
  if (status !== undefined) return status >= 400 && status <= 599 ? status : undefined;
  return faultKinds.get(value);
}

const integer: Parse = (value) => {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) ? number : undefined;
};

const text: Parse = (value) => (typeof value === 'string' && value !== '' ? value : undefined);

const parsers: Readonly<Record<keyof Knobs, Parse>> = {
  ttft: duration,
  tps: positive,
  tokens: count,
  fault,
  fault_count: count,
  fault_after: count,
  retry_after: seconds,
  cut: count,
  stall: count,
  stall_for: duration,
  no_done: flag,
  malformed: count,
  echo: flag,
  cached: count,
  reasoning: count,
  seed: integer,
  call: text,
  finish: text,
};

const isKnob = (name: string): name is keyof Knobs => Object.hasOwn(parsers, name);

function knob(name: string, value: unknown, param: string): string | number | boolean {
  const parsed = isKnob(name) ? parsers[name](value) : undefined;
  if (parsed !== undefined) return parsed;
  const problem = isKnob(name)
    ? `The simulator's ${name} can't be ${JSON.stringify(value)}.`
    : `The simulator has no knob "${name}"; it has ${Object.keys(parsers).join(', ')}.`;
  throw new SimulatedError(400, { message: problem, type: 'invalid_request_error', param, code: 'invalid_knob' });
}

/** Where the knobs begin: at a colon, but not at one of a name's own, as in `llama3:8b` or `claude-sonnet-4-v1:0`. */
function knobsColon(model: string): number {
  for (let colon = model.indexOf(':'); colon >= 0; colon = model.indexOf(':', colon + 1)) {
    const rest = model.slice(colon + 1);
    const [first = ''] = rest.split(/[=,]/, 1);
    if (isKnob(first.trim()) || /^[^:,]*=/.test(rest) || /(?:^|[./])sim$/i.test(model.slice(0, colon))) return colon;
  }
  return -1;
}

/** A model's name without prefix (`provider/sim`, a maker's `anthropic.sim`) and knobs, lower-case, and the knobs' text. */
export function splitModel(model: string): { readonly name: string; readonly knobs: string } {
  const colon = knobsColon(model);
  const head = (colon < 0 ? model : model.slice(0, colon)).replace(/^.*\.(?=sim$)/i, '');
  return {
    name: head.slice(head.lastIndexOf('/') + 1).toLowerCase(),
    knobs: colon < 0 ? '' : model.slice(colon + 1),
  };
}

/**
 * The knobs of a request: top-level members of the body, over which goes its `simulator` object, over which go those
 * after the model's colon. A bare name there is a switch: `sim:echo,no_done`.
 * Top-level members that make no sense as knobs (OpenRouter's `reasoning` object) are left alone; elsewhere they are refused.
 */
export function readKnobs(fromModel: string, body: Readonly<Record<string, unknown>>): Knobs {
  const knobs: Record<string, unknown> = {};
  for (const name in parsers) {
    const value = body[name];
    if (value !== undefined && value !== null) knobs[name] = parsers[name as keyof Knobs](value);
  }
  const own = body['simulator'];
  if (own !== null && typeof own === 'object') {
    for (const [name, value] of Object.entries(own)) knobs[name] = knob(name, value, `simulator.${name}`);
  }
  for (const part of fromModel.split(',')) {
    if (part.trim() === '') continue;
    const equals = part.indexOf('=');
    const name = (equals < 0 ? part : part.slice(0, equals)).trim();
    knobs[name] = knob(name, equals < 0 ? '' : part.slice(equals + 1).trim(), 'model');
  }
  return knobs;
}
