import { describe, expect, test } from 'vitest';
import type { ProviderAdapter } from '../../src/kernel/adapter.ts';
import { Fault } from '../../src/kernel/fault.ts';
import { caseAdapter } from './case-adapter.ts';
import { bodyOf, type Case, isStream, readCorpus } from './corpus.ts';
import { collected } from './dialect.ts';
import { answerOf, blamesOf, isAnswered, known } from './expectation.ts';
import { meaningOf } from './oracle.ts';

const folder = process.env['CORPUS_DIR'];
const cases = folder === undefined ? [] : readCorpus(folder);
function caught(action: () => unknown): Fault {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
  throw new Error('no fault');
}

const cuts = [1, 7, 4096] as const;

describe.skipIf(folder === undefined)("recorded answers mean what the providers' own SDKs make of them", () => {
  const counts = new Map<string, { cases: number; compared: number }>();
  for (const recorded of cases) {
    const count = counts.get(recorded.provider) ?? { cases: 0, compared: 0 };
    counts.set(recorded.provider, count);
    count.cases++;
    const adapter = caseAdapter(recorded);
    if (adapter === undefined || recorded.oracle.skipped !== undefined) continue;
    count.compared++;
    test(recorded.name, () => {
      if (isAnswered(recorded)) compareAnswer(recorded, adapter);
      else compareFault(recorded, adapter);
    });
  }

  test('counts', () => {
    const lines = [...counts].map(
      ([provider, { cases: all, compared }]) => `${provider.padEnd(16)} ${compared} of ${all}`,
    );
    console.log(['compared with the SDKs:', ...lines].join('\n'));
    expect(counts.size).toBeGreaterThan(0);
  });
});

function compareAnswer(recorded: Case, adapter: ProviderAdapter): void {
  const expected = answerOf(recorded);
  const body = bodyOf(recorded);
  const answers = isStream(recorded) ? cuts.map((cut) => collected(adapter, body, cut)) : [adapter.decode(body)];
  for (const answer of answers) {
    expect(known(meaningOf(answer), expected)).toEqual(expected);
    expect(answer).toEqual(answers[0]);
  }
}

function compareFault(recorded: Case, adapter: ProviderAdapter): void {
  const { status, headers } = recorded.response;
  const body = bodyOf(recorded);
  const faults =
    status >= 400
      ? [adapter.fault({ status, headers, body, now: 0 })]
      : isStream(recorded)
        ? cuts.map((cut) => caught(() => collected(adapter, body, cut)))
        : [caught(() => adapter.decode(body))];
  const allowed = blamesOf(recorded);
  for (const fault of faults) {
    if (allowed.length > 0) expect(allowed).toContain(fault.detail.blame);
    else expect(fault.detail.blame).toBeDefined();
    expect(fault.message).not.toMatch(/sk-|https?:|org-/);
  }
}
