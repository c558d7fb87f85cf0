import type { Answer } from './answer.ts';
import type { Dialect, WireData } from './dialect.ts';
import type { Knobs } from './knobs.ts';
import type { Query } from './query.ts';
import { faultError, type SimulatedError } from './simulated-error.ts';

/** What happens next on the connection. */
export type Step =
  /** Milliseconds of silence; Infinity until the client goes away. */
  | { readonly wait: number }
  | { readonly head: number; readonly headers: Readonly<Record<string, string>> }
  | { readonly data: WireData }
  /** Whole; closed amid the answer (FIN); reset (RST); no connection at all. */
  | { readonly last: 'end' | 'close' | 'reset' | 'refuse' };

/** An answer as a course of steps, played over a socket or in this process. */
export interface Script {
  readonly steps: readonly Step[];
  /** In a few words, for a ledger: 'answer', 'fault 429', 'cut 10'. */
  readonly course: string;
}

const JSON_TYPE = 'application/json';

/** A JSON body of known length. */
export function jsonScript(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>>,
  course: string,
): Script {
  const length = String(Buffer.byteLength(body));
  return {
    steps: [
      { head: status, headers: { 'content-type': JSON_TYPE, 'content-length': length, ...headers } },
      { data: body },
      { last: 'end' },
    ],
    course,
  };
}

/** @param stream whether a stream was asked for */
export function errorScript(
  dialect: Dialect,
  error: SimulatedError,
  stream: boolean,
  course = `error ${error.status}`,
): Script {
  const { status, headers, body } = dialect.error(error, stream);
  return jsonScript(status, body, headers, course);
}

/** The course of a fault knob; undefined where the fault lies in the answer itself. */
export function faultScript(dialect: Dialect, knobs: Knobs, stream: boolean): Script | undefined {
  const { fault } = knobs;
  if (stream && knobs.fault_after !== undefined) return undefined;
  switch (fault) {
    case undefined:
    case 'malformed':
      return undefined;
    case 'reset':
      return { steps: [{ last: 'reset' }], course: 'reset' };
    case 'connect':
      return { steps: [{ last: 'refuse' }], course: 'refuse' };
    case 'silent':
      return { steps: [{ wait: knobs.stall_for ?? Number.POSITIVE_INFINITY }, { last: 'close' }], course: 'silence' };
    default: {
      const script = errorScript(dialect, faultError(fault, knobs.retry_after), stream, `fault ${fault}`);
      return knobs.ttft === undefined ? script : { ...script, steps: [{ wait: knobs.ttft }, ...script.steps] };
    }
  }
}

const courseOf = (knobs: Knobs): string =>
  (['cut', 'stall', 'malformed', 'fault_after'] as const)
    .filter((name) => knobs[name] !== undefined)
    .map((name) => `${name} ${knobs[name]}`)
    .join(', ') || 'answer';

/** The whole answer at once, after as long as it takes to write it. */
function wholeScript(dialect: Dialect, answer: Answer, query: Query, knobs: Knobs, created: number): Script {
  const { cut, stall, stall_for: stallFor = Number.POSITIVE_INFINITY } = knobs;
  const writing = knobs.tps === undefined ? 0 : (answer.usage.completion * 1_000) / knobs.tps;
  const wait: Step[] = [{ wait: (knobs.ttft ?? 0) + writing }];
  if (knobs.malformed !== undefined || knobs.fault === 'malformed') {
    const broken = jsonScript(200, dialect.body(answer, query, created).slice(0, -2), {}, 'malformed body');
    return { ...broken, steps: [...wait, ...broken.steps] };
  }
  const { steps } = jsonScript(200, dialect.body(answer, query, created), {}, 'answer');
  if (cut === undefined && stall === undefined) return { steps: [...wait, ...steps], course: 'answer' };
  const body = dialect.body(answer, query, created);
  const [head, text, end] = steps as [Step, Step, Step];
  const part = Math.floor(body.length * 0.6);
  // A stall comes right after the head; a cut after 60 % of what the head declared.
  const silence: Step[] = stall === undefined ? [] : [{ wait: stallFor }];
  const sent: Step[] = stall === undefined ? [{ data: body.slice(0, part) }] : [];
  const rest: Step[] = cut === undefined ? [text, end] : [...sent, { last: 'close' }];
  return { steps: [...wait, head, ...silence, ...rest], course: courseOf(knobs) };
}

function streamScript(dialect: Dialect, answer: Answer, query: Query, knobs: Knobs, created: number): Script {
  const { cut, stall, stall_for: stallFor = Number.POSITIVE_INFINITY } = knobs;
  const malformed = knobs.malformed ?? (knobs.fault === 'malformed' ? 0 : undefined);
  const pace = knobs.tps === undefined ? undefined : { wait: 1_000 / knobs.tps };
  const steps: Step[] = [
    { head: 200, headers: { 'content-type': dialect.streamType, 'cache-control': 'no-cache' } },
    { wait: knobs.ttft ?? 0 },
  ];
  let tokens = 0;
  const done = new Set<string>();
  /** Once, as soon as the count is reached. */
  const reached = (name: string, at: number | undefined): boolean => {
    if (at === undefined || tokens < at || done.has(name)) return false;
    done.add(name);
    return true;
  };
  /** What comes now instead of the next event; true where it is the end. */
  const broken = (): boolean => {
    if (reached('malformed', malformed)) steps.push({ data: dialect.malformed(answer, query, created) });
    if (reached('stall', stall)) steps.push({ wait: stallFor });
    if (reached('fault', knobs.fault_after)) {
      const fault = typeof knobs.fault === 'number' ? knobs.fault : 500;
      steps.push({ data: dialect.errorEvent(faultError(fault, knobs.retry_after)) }, { last: 'end' });
      return true;
    }
    if (!reached('cut', cut)) return false;
    steps.push({ last: 'close' });
    return true;
  };
  for (const event of dialect.events(answer, query, created, knobs.no_done !== true)) {
    // Some dialects begin with a token, others with an event that carries none.
    if (event.token && tokens === 0 && broken()) break;
    if (event.token && tokens > 0 && pace !== undefined) steps.push(pace);
    steps.push({ data: event.data });
    if (event.token) tokens++;
    if (broken()) break;
  }
  if (!steps.some((step) => 'last' in step)) steps.push({ last: 'end' });
  return { steps, course: courseOf(knobs) };
}

/** The course of an answer, with what the knobs do to it. */
export const answerScript = (dialect: Dialect, answer: Answer, query: Query, knobs: Knobs, created: number): Script =>
  (query.stream ? streamScript : wholeScript)(dialect, answer, query, knobs, created);
