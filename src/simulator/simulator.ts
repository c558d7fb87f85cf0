import type { Clock } from '../kernel/clock.ts';
import { type Answer, answerOf, promptTokens, simulate, textChoice } from './answer.ts';
import type { Dialect, ParsedRequest } from './dialect.ts';
import {
  type FailoverTimings,
  failoverKnobs,
  failoverModels,
  failoverPieces,
  failoverProfiles,
} from './failover-models.ts';
import { type Knobs, readKnobs } from './knobs.ts';
import type { Query } from './query.ts';
import { hash } from './random.ts';
import { answerScript, errorScript, faultScript, jsonScript, type Script } from './script.ts';
import { badRequest, SimulatedError } from './simulated-error.ts';
import { anthropic } from './wire/anthropic.ts';
import { bedrock } from './wire/bedrock.ts';
import { cohere } from './wire/cohere.ts';
import { gemini } from './wire/gemini.ts';
import { modelList } from './wire/model-lists.ts';
import { ollama } from './wire/ollama.ts';
import { openai } from './wire/openai.ts';
import { openaiResponses } from './wire/openai-responses.ts';

export interface SimulatorOptions {
  /** Models that answer as `sim` does, knobs included; 'any' for every name. */
  readonly models?: readonly string[] | 'any';
  /** How fast the failover models are; the full profile by default. */
  readonly failover?: FailoverTimings;
}

/** What became of one request. */
export interface Reply {
  readonly script: Script;
  /** Empty where the request named none. */
  readonly model: string;
  /** From 1, counted for each model since the reset. */
  readonly attempt: number;
  readonly stream: boolean;
  /** Role of the last message; empty where there was none. */
  readonly lastRole: string;
  readonly promptTokens: number;
  /** Tokens of the answer, 0 where there is none. */
  readonly completionTokens: number;
}

const dialects: readonly Dialect[] = [openai, anthropic, gemini, bedrock, cohere, ollama, openaiResponses];
const MODEL = 'sim';
const MOST_REMEMBERED = 10_000;

/** Knobs that make an attempt fail, and that `fault_count` turns off in the end. */
const faulty = [
  'fault',
  'fault_after',
  'cut',
  'stall',
  'malformed',
  'no_done',
] as const satisfies readonly (keyof Knobs)[];

/**
 * A model that isn't there: reads requests, answers them with scripts, and leaves playing them to others.
 * The same request gives the same answer; what it remembers is how often it was asked.
 */
export class Simulator {
  readonly #clock: Clock;
  readonly #names: ReadonlySet<string>;
  readonly #any: boolean;
  readonly #timings: FailoverTimings;
  readonly #attempts = new Map<string, number>();
  /** Failed attempts by request, for `fault_count`. */
  readonly #failed = new Map<number, number>();
  #since: number;

  constructor(clock: Clock, options: SimulatorOptions = {}) {
    const { models = [], failover = failoverProfiles.full } = options;
    this.#clock = clock;
    this.#any = models === 'any';
    this.#names = new Set([MODEL, ...(models === 'any' ? [] : models.map((name) => name.toLowerCase()))]);
    this.#timings = failover;
    this.#since = clock.now();
  }

  /** Milliseconds since the start or the last reset. */
  get elapsed(): number {
    return this.#clock.now() - this.#since;
  }

  /** Forgets attempts and starts the clock again. */
  reset(): void {
    this.#attempts.clear();
    this.#failed.clear();
    this.#since = this.#clock.now();
  }

  ask(method: string, target: string, body: string): Reply {
    const [path = '', search = ''] = target.split('?', 2);
    for (const dialect of dialects) {
      if (dialect.serves(method, path)) return this.#chat(dialect, path, body, search);
    }
    return silentReply(this.#other(method, path));
  }

  #chat(dialect: Dialect, path: string, body: string, search: string): Reply {
    let model = '';
    let attempt = 0;
    try {
      const parsed = dialect.parse(path, body, search);
      model = parsed.name;
      attempt = (this.#attempts.get(model) ?? 0) + 1;
      if (this.#attempts.size < MOST_REMEMBERED || attempt > 1) this.#attempts.set(model, attempt);
      const failover = failoverModels.get(model);
      if (failover !== undefined) {
        const text = failoverKnobs(failover, attempt, this.elapsed, this.#timings);
        return this.#failover(dialect, parsed, attempt, readKnobs(text, {}), failover.noPrefill === true);
      }
      if (!this.#any && !this.#names.has(model)) throw unknownModel(model);
      const query = parsed.query();
      const knobs = this.#settled(parsed.knobs, hash(path + body));
      const script = faultScript(dialect, knobs, query.stream);
      return script === undefined
        ? this.#answered(dialect, parsed, attempt, query, knobs, simulate(query, knobs))
        : replyOf(script, parsed, attempt, query, 0);
    } catch (error) {
      if (!(error instanceof SimulatedError)) throw error;
      return { ...silentReply(errorScript(dialect, error, false)), model, attempt };
    }
  }

  #failover(dialect: Dialect, parsed: ParsedRequest, attempt: number, knobs: Knobs, noPrefill: boolean): Reply {
    const query = parsed.query();
    const last = query.turns.at(-1);
    const prefill = last?.role === 'assistant' ? last.text : '';
    if (noPrefill && last?.role === 'assistant') {
      const error = badRequest(
        'This model does not take a conversation that ends in an assistant message.',
        'messages',
        'invalid_prefill',
      );
      return replyOf(errorScript(dialect, error, query.stream, 'invalid_prefill'), parsed, attempt, query, 0);
    }
    const script = faultScript(dialect, knobs, query.stream);
    if (script !== undefined) return replyOf(script, parsed, attempt, query, 0);
    const id = `fb${hash(`${query.model} ${attempt}`).toString(36)}`;
    const answer = answerOf(id, query, [textChoice(failoverPieces(prefill))]);
    return this.#answered(dialect, parsed, attempt, query, knobs, answer);
  }

  #answered(
    dialect: Dialect,
    parsed: ParsedRequest,
    attempt: number,
    query: Query,
    knobs: Knobs,
    answer: Answer,
  ): Reply {
    const created = Math.floor(this.#clock.wall() / 1_000);
    const script = answerScript(dialect, answer, query, knobs, created);
    return replyOf(script, parsed, attempt, query, answer.usage.completion);
  }

  /** The knobs without their faults, once as many attempts at the request failed as were asked for; then it starts over. */
  #settled(knobs: Knobs, request: number): Knobs {
    if (knobs.fault_count === undefined || !faulty.some((name) => knobs[name] !== undefined)) return knobs;
    const failed = this.#failed.get(request) ?? 0;
    if (failed < knobs.fault_count) {
      if (this.#failed.size >= MOST_REMEMBERED) this.#failed.clear();
      this.#failed.set(request, failed + 1);
      return knobs;
    }
    this.#failed.delete(request);
    return Object.fromEntries(Object.entries(knobs).filter(([name]) => !(faulty as readonly string[]).includes(name)));
  }

  #other(method: string, path: string): Script {
    if (method === 'GET' && /\/health(?:\/(?:live|ready))?$/.test(path)) {
      return jsonScript(200, '{"status":"ok"}', {}, 'health');
    }
    const asked = method === 'GET' ? modelList(path) : undefined;
    if (asked !== undefined) return this.#models(asked);
    const error = new SimulatedError(404, {
      message: `There is no ${method} ${path}.`,
      type: 'invalid_request_error',
      param: null,
      code: 'unknown_url',
    });
    return errorScript(openai, error, false);
  }

  #models({ list, name }: NonNullable<ReturnType<typeof modelList>>): Script {
    const names = [...this.#names, ...failoverModels.keys()];
    if (name === undefined) return jsonScript(200, JSON.stringify(list.list(names)), {}, 'models');
    const one = names.find((known) => known === name.toLowerCase());
    return one === undefined
      ? errorScript(list.dialect, unknownModel(name), false)
      : jsonScript(200, JSON.stringify(list.one(one)), {}, 'model');
  }
}

const unknownModel = (model: string): SimulatedError =>
  new SimulatedError(404, {
    message: `The model '${model}' does not exist; the simulator's model is '${MODEL}'.`,
    type: 'invalid_request_error',
    param: 'model',
    code: 'model_not_found',
  });

/** The reply to what is no question. */
const silentReply = (script: Script): Reply => ({
  script,
  model: '',
  attempt: 0,
  stream: false,
  lastRole: '',
  promptTokens: 0,
  completionTokens: 0,
});

const replyOf = (
  script: Script,
  parsed: ParsedRequest,
  attempt: number,
  query: Query,
  completionTokens: number,
): Reply => ({
  script,
  model: parsed.name,
  attempt,
  stream: query.stream,
  lastRole: query.turns.at(-1)?.role ?? '',
  promptTokens: promptTokens(query),
  completionTokens,
});
