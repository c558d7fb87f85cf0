import { instanceOf, spacedJson } from './json-schema.ts';
import type { Knobs } from './knobs.ts';
import type { Query } from './query.ts';
import { hash } from './random.ts';
import { askedText, defaultText, piecesOf, randomOf, reasoningPieces } from './text.ts';
import { countTokens, tokenize } from './tokens.ts';
import { type Call, callsOf } from './tools.ts';

/** One of the answers, in pieces of one token each. */
export interface SimulatedChoice {
  readonly reasoning: readonly string[];
  readonly content: readonly string[];
  readonly calls: readonly (Call & { readonly pieces: readonly string[] })[];
  /** OpenAI's finish reason. */
  readonly finish: string;
  /** The stop sequence that ended it. */
  readonly stopSequence: string | undefined;
}

interface SimulatedUsage {
  readonly prompt: number;
  /** Part of `prompt`. */
  readonly cached: number;
  readonly completion: number;
  /** Part of `completion`. */
  readonly reasoning: number;
}

/** What the simulated model says, in no provider's dialect. */
export interface Answer {
  /** The same for the same request, letters and digits. */
  readonly id: string;
  readonly choices: readonly SimulatedChoice[];
  readonly usage: SimulatedUsage;
}

const TOKENS_PER_MESSAGE = 4;
const TOKENS_PER_ATTACHMENT = 85;

const efforts: ReadonlyMap<string, number> = new Map(
  Object.entries({ minimal: 4, low: 8, medium: 16, high: 32, xhigh: 64, max: 64 }),
);

/** What the model is said to have read: the words of each message, four more for each, and 85 for each attachment. */
export function promptTokens(query: Query): number {
  let sum = 0;
  for (const turn of query.turns) {
    sum += countTokens(turn.text) + TOKENS_PER_MESSAGE + turn.attachments * TOKENS_PER_ATTACHMENT;
  }
  for (const tool of query.tools) sum += countTokens(spacedJson(tool.schema ?? '')) + TOKENS_PER_MESSAGE;
  return sum;
}

/** The pieces up to the first stop sequence, and which it was. */
function stopped(pieces: readonly string[], stop: readonly string[]) {
  const text = pieces.join('');
  let end = text.length;
  let sequence: string | undefined;
  for (const one of stop) {
    const at = one === '' ? -1 : text.indexOf(one);
    if (at < 0 || at >= end) continue;
    end = at;
    sequence = one;
  }
  return sequence === undefined ? { pieces, sequence } : { pieces: tokenize(text.slice(0, end)), sequence };
}

function plainText(query: Query, knobs: Knobs, seed: number, index: number): string {
  const random = randomOf(seed, index);
  if (knobs.echo === true) return askedText(query);
  if (query.format === 'text') return defaultText(query, random);
  if (query.format !== 'json') return spacedJson(instanceOf(query.format, random));
  return spacedJson({ simulated: true, message: defaultText(query, random) });
}

function choiceOf(query: Query, knobs: Knobs, seed: number, index: number): SimulatedChoice {
  const reasoning = reasoningPieces(knobs.reasoning ?? efforts.get(query.effort ?? '') ?? 0);
  const limit = query.maxTokens ?? Number.POSITIVE_INFINITY;
  const left = Math.max(0, limit - reasoning.length);
  const calls = callsOf(query, knobs.call, randomOf(seed, index));
  if (calls.length > 0) return withCalls(reasoning, calls, limit, left, knobs.finish);
  const text = plainText(query, knobs, seed, index);
  const pieces = knobs.tokens === undefined ? tokenize(text) : piecesOf(text, knobs.tokens);
  const { pieces: whole, sequence } = stopped(pieces, query.stop);
  const cut = reasoning.length > limit || whole.length > left;
  return {
    reasoning: reasoning.slice(0, limit),
    content: whole.slice(0, left),
    calls: [],
    finish: knobs.finish ?? (cut ? 'length' : 'stop'),
    stopSequence: cut ? undefined : sequence,
  };
}

function withCalls(
  reasoning: readonly string[],
  calls: readonly Call[],
  limit: number,
  room: number,
  finish: string | undefined,
): SimulatedChoice {
  let left = room;
  const written: SimulatedChoice['calls'][number][] = [];
  let cut = reasoning.length > limit;
  for (const call of calls) {
    const pieces = tokenize(call.input);
    cut ||= pieces.length > left;
    if (left > 0) written.push({ ...call, pieces: pieces.slice(0, left) });
    left = Math.max(0, left - pieces.length);
  }
  return {
    reasoning: reasoning.slice(0, limit),
    content: [],
    calls: written,
    finish: finish ?? (cut ? 'length' : 'tool_calls'),
    stopSequence: undefined,
  };
}

const lengthOf = (choice: SimulatedChoice): number =>
  choice.reasoning.length + choice.content.length + choice.calls.reduce((sum, call) => sum + call.pieces.length, 0);

/** A choice that says the given text and no more. */
export const textChoice = (content: readonly string[]): SimulatedChoice => ({
  reasoning: [],
  content,
  calls: [],
  finish: 'stop',
  stopSequence: undefined,
});

/** Counts what was read and written. */
export function answerOf(id: string, query: Query, choices: readonly SimulatedChoice[], cached = 0): Answer {
  const prompt = promptTokens(query);
  return {
    id,
    choices,
    usage: {
      prompt,
      cached: Math.min(cached, prompt),
      completion: choices.reduce((sum, choice) => sum + lengthOf(choice), 0),
      reasoning: choices.reduce((sum, choice) => sum + choice.reasoning.length, 0),
    },
  };
}

/** The simulated model's answer: the same for the same query and knobs, another for another seed. */
export function simulate(query: Query, knobs: Knobs): Answer {
  const asked = JSON.stringify([query.model, query.turns, query.tools, query.format]);
  const seed = hash(`${knobs.seed ?? query.seed ?? 0} ${asked}`);
  const choices = Array.from({ length: query.n }, (_, index) => choiceOf(query, knobs, seed, index));
  return answerOf(`${seed.toString(36)}${hash(asked).toString(36)}`, query, choices, knobs.cached);
}
