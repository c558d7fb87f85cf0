import { createHmac } from 'node:crypto';
import { copyFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesIn, folder, key, linesIn, recorder, recordsIn, writeLog } from './testing/audited.ts';
import { verifyAudit } from './verify.ts';

/** What is found in a log of ten calls after its lines were changed. */
async function judged(change: (lines: string[]) => string[], ...anchors: Parameters<typeof verifyAudit>[2] & object) {
  const path = join(folder(), 'audit-0.jsonl');
  await writeLog(path, 10);
  const lines = linesIn(path);
  writeFileSync(path, `${change([...lines]).join('\n')}\n`);
  const { problems, chains } = await verifyAudit([path], key, anchors);
  return { found: problems.map(({ line, text }) => `${line}: ${text}`), chains };
}

const without =
  (from: number, count = 1) =>
  (lines: string[]) =>
    lines.toSpliced(from, count);

describe('verifying finds', () => {
  test('nothing in a log as it was written', async () => {
    expect(await judged((lines) => lines)).toMatchObject({ found: [], chains: [{ first: 0, last: 11, closed: true }] });
  });

  test.each<[string, (lines: string[]) => string[], string[]]>([
    [
      'a changed line',
      (lines) => lines.with(4, lines[4]?.replace('192.0.2.1', '192.0.2.9') ?? ''),
      ['5: record 4 does not verify: it was changed, or the key is another'],
    ],
    ['a deleted line', without(4), ['5: record 4 is missing before record 5']],
    ['deleted lines', without(4, 3), ['5: records 4 to 6 are missing before record 7']],
    ['a deleted beginning', without(0, 2), expect.arrayContaining([expect.stringMatching(/^1: /)])],
    [
      'a line put in',
      (lines) => lines.toSpliced(4, 0, lines[4]?.replace('id-3', 'id-x') ?? ''),
      ['5: record 4 does not verify: it was changed, or the key is another', expect.stringMatching(/^6: record 4/)],
    ],
    [
      'a line put in twice',
      (lines) => lines.toSpliced(4, 0, lines[3] ?? ''),
      ['5: record 3 is out of place: record 4 is due'],
    ],
    [
      'lines in another order',
      (lines) => lines.with(4, lines[5] ?? '').with(5, lines[4] ?? ''),
      expect.arrayContaining([
        expect.stringMatching(/^5: record 4 is missing/),
        expect.stringMatching(/^6: record 4 is out of place/),
      ]),
    ],
    ['a line that is no record', (lines) => lines.toSpliced(4, 0, 'hello'), ['5: is no record']],
    ['an empty line', (lines) => lines.toSpliced(4, 0, ''), ['5: is no record']],
  ])('%s', async (_name, change, expected) => {
    const { found } = await judged(change);
    expect(found.length).toBeGreaterThan(0);
    expect(found).toEqual(expected);
  });

  test('a change of any byte', async () => {
    const path = join(folder(), 'audit-0.jsonl');
    await writeLog(path, 1);
    const bytes = Buffer.from(`${linesIn(path).join('\n')}\n`);
    for (let at = 0; at < bytes.length - 1; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      writeFileSync(path, changed);
      expect((await verifyAudit([path], key)).problems.length, `byte ${at}`).toBeGreaterThan(0);
    }
  });

  test('a line that somebody made without the key', async () => {
    const forged = (lines: string[]) => {
      const previous = Buffer.from((JSON.parse(lines.at(-2) ?? '') as { mac: string }).mac, 'hex');
      const body = `{"seq":11,"type":"close","time":"2026-01-01T00:00:00.000Z","reason":"stopped"`;
      const mac = createHmac('sha256', Buffer.alloc(32)).update(previous).update(body).digest('hex');
      return lines.with(-1, `${body},"mac":"${mac}"}`);
    };
    expect((await judged(forged)).found).toEqual([expect.stringMatching(/^12: record 11 does not verify/)]);
  });

  test('an end that was cut off, if it is known from elsewhere', async () => {
    const cut = without(8, 4);
    expect(await judged(cut)).toMatchObject({ found: [], chains: [{ last: 7, closed: false }] });
    const path = join(folder(), 'audit-0.jsonl');
    const { events, anchors } = recorder();
    await writeLog(path, 10, { events });
    const [first, last] = [anchors.at(0), anchors.at(-1)];
    if (first === undefined || last === undefined) throw new Error('no anchors');
    expect([first.seq, last.seq]).toEqual([0, 11]);
    expect((await verifyAudit([path], key, anchors)).problems).toEqual([]);
    writeFileSync(path, `${cut(linesIn(path)).join('\n')}\n`);
    expect((await verifyAudit([path], key, [first])).problems).toEqual([]);
    expect((await verifyAudit([path], key, anchors)).problems).toMatchObject([
      { line: 0, text: 'ends at record 7, but was told to be at 11: it was cut off' },
    ]);
    expect((await verifyAudit([path], key, [{ ...last, chain: 'ffff' }])).problems).toHaveLength(1);
    expect((await verifyAudit([path], key, [{ ...last, seq: 3 }])).problems).toMatchObject([
      { line: 4, text: expect.stringMatching(/record 3 is not the one that was told of/) },
    ]);
  });

  test('an end within a line', async () => {
    const path = join(folder(), 'audit-0.jsonl');
    await writeLog(path, 2);
    truncateSync(path, linesIn(path).join('\n').length - 30);
    expect((await verifyAudit([path], key)).problems).toMatchObject([{ line: 4, text: expect.stringMatching(/torn/) }]);
  });

  test('another key', async () => {
    const path = join(folder(), 'audit-0.jsonl');
    await writeLog(path, 2);
    expect((await verifyAudit([path], Buffer.alloc(32, 9))).problems.length).toBe(4);
  });
});

describe('of several files', () => {
  const several = async (): Promise<string[]> => {
    const place = folder();
    for (let i = 0; i < 4; i++) await writeLog(join(place, 'audit-0.jsonl'), 0, { maxFileBytes: 300 });
    return filesIn(place);
  };

  test('one that is missing is found, but for the first ones', async () => {
    const files = await several();
    expect(files.length).toBeGreaterThan(2);
    expect((await verifyAudit(files, key)).problems).toEqual([]);
    const gap = await verifyAudit(files.toSpliced(1, 1), key);
    expect(gap.problems).toMatchObject([{ text: expect.stringMatching(/missing before/) }]);
    const end = await verifyAudit(files.slice(0, -1), key);
    expect(end.problems).toMatchObject([{ text: expect.stringMatching(/another file follows/) }]);
    const { problems, notes } = await verifyAudit(files.slice(1), key);
    expect(problems).toEqual([]);
    expect(notes).toMatchObject([{ text: expect.stringMatching(/starts at record/) }]);
  });

  test('one that stands in for another is found', async () => {
    const [first = '', second = ''] = await several();
    const copy = join(folder(), 'copy.jsonl');
    copyFileSync(first, copy);
    expect((await verifyAudit([first, copy, second], key)).problems.length).toBeGreaterThan(0);
    expect(recordsIn(first).at(-1)).toMatchObject({ type: 'close', reason: 'full' });
  });
});
