import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Blame, FaultReason } from '../../src/kernel/fault.ts';
import { caseInstance } from '../contract/case-adapter.ts';
import { bodyOf, type Case, isStream, readCorpus } from '../contract/corpus.ts';
import { differences } from '../contract/differences.ts';
import { answerOf, blamesOf, isAnswered, known } from '../contract/expectation.ts';
import { type CorpusCaller, grpcCaller, jsonCaller, type Outcome } from '../support/corpus-callers.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type Mishap, type Replayed, ReplayServer, replayedModel } from '../support/replay.ts';

// Every recorded answer through the running gateway, and what an unreliable network makes of it.

const folder = process.env['CORPUS_DIR'];
const cases = (folder === undefined ? [] : readCorpus(folder)).filter((each) => caseInstance(each) !== undefined);

const reasons: Readonly<Record<Blame, readonly FaultReason[]>> = {
  caller: ['PROVIDER_REJECTED', 'TOO_LARGE'],
  context: ['CONTEXT_LENGTH_EXCEEDED'],
  content: ['CONTENT_REJECTED'],
  limit: ['PROVIDER_RATE_LIMITED'],
  credential: ['PROVIDER_CREDENTIAL'],
  target: ['MODEL_NOT_FOUND'],
  provider: ['PROVIDER_UNAVAILABLE', 'PROVIDER_STREAM_CUT', 'PROVIDER_MALFORMED', 'PROVIDER_TIMEOUT'],
};

const shortName = ({ name }: Case): string => name.slice(name.indexOf('/') + 1);

/** One instance for each case: what one answer teaches of a key or a model is of no concern to the next. */
const instanceOf = ({ name }: Case): string => name.replaceAll(/[^\w-]/g, '-');

function instances(port: number): string {
  return cases
    .flatMap((each) => {
      const instance = caseInstance(each);
      if (instance === undefined) return [];
      const { type } = instance;
      const options = Object.entries(instance.options).filter(([name]) => name in type.options);
      const members = {
        type: type.type,
        base_url: `http://127.0.0.1:${port}`,
        api_keys: ['k'],
        ...(type.type === 'bedrock' && { region: 'us-east-1' }),
        ...(type.type === 'vertex' && { project: 'p', location: 'l' }),
        ...Object.fromEntries(options),
      };
      return [`  ${instanceOf(each)}: ${JSON.stringify(members)}`];
    })
    .join('\n');
}

/** Headers that say how the recorded body was packed, which it no longer is. */
const packing = new Set(['content-length', 'content-encoding', 'transfer-encoding']);

const answers = new Map<string, Replayed>(
  cases.map((each) => [
    shortName(each),
    {
      status: each.response.status,
      headers: Object.fromEntries(Object.entries(each.response.headers).filter(([name]) => !packing.has(name))),
      body: bodyOf(each),
    },
  ]),
);

const replay = new ReplayServer(answers);
let gateway: TestGateway;
/** Does not wait for what has fallen silent. */
let impatient: TestGateway;
const callers: CorpusCaller[] = [];
const impatientCallers: CorpusCaller[] = [];

const start = (port: number, silence: string) =>
  startGateway(`
providers:
${instances(port)}
balancer:
  timeouts: { first_token: ${silence}, idle: ${silence} }
  retry: { backoff: 1ms, max_backoff: 2ms, max_wait: 1ms }
`);

beforeAll(async () => {
  if (folder === undefined) return;
  const port = await replay.listen();
  gateway = await start(port, '10s');
  impatient = await start(port, '150ms');
  callers.push(grpcCaller(gateway.port), jsonCaller(gateway.port));
  impatientCallers.push(grpcCaller(impatient.port), jsonCaller(impatient.port));
});

afterAll(async () => {
  if (folder === undefined) return;
  for (const caller of [...callers, ...impatientCallers]) caller.close();
  await Promise.all([gateway.stop(), impatient.stop()]);
  await replay.close();
});

const counts = new Map<string, { cases: number; equal: number; mishaps: number }>();
function countOf({ provider }: Case) {
  const count = counts.get(provider) ?? { cases: 0, equal: 0, mishaps: 0 };
  counts.set(provider, count);
  return count;
}

/** Asks for a case on every surface. */
const ask = (recorded: Case, on: readonly CorpusCaller[], mishap?: Mishap, bytes?: number): Promise<Outcome[]> =>
  Promise.all(
    on.map((caller) =>
      caller.ask(instanceOf(recorded), replayedModel(shortName(recorded), mishap, bytes), isStream(recorded)),
    ),
  );

function expectAnswer(recorded: Case, outcome: Outcome): void {
  if ('failure' in outcome) throw new Error(`failed: ${outcome.failure.message}`);
  const expected = answerOf(recorded);
  const meaning = known(outcome.meaning, expected);
  // What the provider does not count the gateway estimates.
  expect(expected.usage === undefined ? { ...meaning, usage: undefined } : meaning).toEqual(expected);
}

function expectFault(recorded: Case, outcome: Outcome): void {
  if ('meaning' in outcome) throw new Error(`answered: ${JSON.stringify(outcome.meaning)}`);
  const { failure } = outcome;
  const allowed = blamesOf(recorded).flatMap((blame) => reasons[blame]);
  if (allowed.length > 0 && !failure.is(allowed)) throw new Error(`not ${allowed.join(' or ')}: ${failure.message}`);
  expect(failure.message).not.toMatch(/sk-|https?:|org-/);
}

const told = cases.filter(({ oracle }) => oracle.skipped === undefined);
const named = (list: readonly Case[]) => list.map((each) => [each.name, each] as const);
/** After so many bytes of a body, at every tenth of it. */
const tenths = (recorded: Case): number[] =>
  Array.from({ length: 10 }, (_, tenth) => Math.floor((bodyOf(recorded).length * tenth) / 10));

describe.skipIf(folder === undefined)('recorded answers through the running gateway', () => {
  test.each(named(told))('%s is what its SDK makes of it, in pieces of any size', async (_name, recorded) => {
    const count = countOf(recorded);
    count.cases++;
    const all = [
      ...(await ask(recorded, callers)),
      ...(await ask(recorded, callers, 'cut', 1)),
      ...(await ask(recorded, callers, 'cut', 7)),
      ...(await ask(recorded, callers, 'cut', 4096)),
    ];
    for (const outcome of all) (isAnswered(recorded) ? expectAnswer : expectFault)(recorded, outcome);
    count.equal++;
  });

  const streams = told.filter((each) => isStream(each) && isAnswered(each));

  test.each(named(streams))('%s has no end where its socket broke', async (_name, recorded) => {
    const all = await Promise.all(tenths(recorded).map((bytes) => ask(recorded, callers, 'drop', bytes)));
    expect(all.flat().filter((outcome) => 'meaning' in outcome)).toEqual([]);
    countOf(recorded).mishaps += all.flat().length;
  });

  test.each(named(streams))('%s has no end where it fell silent', async (_name, recorded) => {
    const all = await Promise.all(tenths(recorded).map((bytes) => ask(recorded, impatientCallers, 'stall', bytes)));
    expect(all.flat().filter((outcome) => 'meaning' in outcome)).toEqual([]);
    countOf(recorded).mishaps += all.flat().length;
  });

  const single = streams.filter(({ name }) => differences[name]?.several !== true);

  test.each(named(single))('%s is whole or fails where its body ends early', async (_name, recorded) => {
    const all = await Promise.all(tenths(recorded).map((bytes) => ask(recorded, callers, 'end', bytes)));
    // Usage comes behind all else: it may be what is missing, and is estimated then.
    const expected = { ...answerOf(recorded), usage: undefined };
    for (const outcome of all.flat()) {
      if ('meaning' in outcome) expect({ ...known(outcome.meaning, expected), usage: undefined }).toEqual(expected);
    }
    countOf(recorded).mishaps += all.flat().length;
  });

  const foreign = cases.filter(({ oracle }) => oracle.skipped !== undefined);

  test.each(named(foreign))('%s, in a form that was not asked for, is no answer', async (_name, recorded) => {
    for (const outcome of await ask(recorded, callers)) {
      if ('meaning' in outcome) throw new Error(`answered: ${JSON.stringify(outcome.meaning)}`);
    }
  });

  test('counts', () => {
    const lines = [...counts].map(
      ([provider, { cases: all, equal, mishaps }]) => `${provider.padEnd(16)} ${equal} of ${all}, ${mishaps} cut short`,
    );
    console.log(['equal over gRPC and JSON, whole and in pieces:', ...lines].join('\n'));
    expect(counts.size).toBeGreaterThan(0);
  });
});
