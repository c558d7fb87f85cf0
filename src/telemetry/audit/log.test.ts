import {
  appendFileSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { WritableFile } from './log.ts';
import { endedCall, filesIn, folder, key, open, recorder, recordsIn, writeLog } from './testing/audited.ts';
import { verifyAudit } from './verify.ts';

const place = () => join(folder(), 'audit-0.jsonl');
const clean = async (...files: string[]) => {
  const { problems } = await verifyAudit(files, key);
  expect(problems).toEqual([]);
};

/** The system's clock, ahead by as much as the test says. */
function hurrying() {
  let ahead = 0;
  return {
    ...systemClock,
    now: () => systemClock.now() + ahead,
    hurry(ms: number) {
      ahead += ms;
    },
  };
}

describe('records', () => {
  test('tell who, when and what, in a chain from its beginning to its end', async () => {
    const path = place();
    const log = await open(path);
    const call = endedCall('id-1');
    call.principal = { user: 'alice', method: 'jwt', credential: 'kid-1', groups: ['staff'] };
    call.sealedBy = 'k1';
    call.requestedModel = 'fast';
    log.record(call, new Fault('RATE_LIMITED', 'a text that may quote what the caller wrote'));
    await log.close();
    expect(recordsIn(path)).toMatchObject([
      { seq: 0, type: 'open', reason: 'new', worker: 0 },
      {
        seq: 1,
        type: 'call',
        request_id: 'id-1',
        protocol: 'grpc',
        method: '/llmbridge.v1.ChatService/ChatCompletion',
        auth: 'jwt',
        user: 'alice',
        credential: 'kid-1',
        groups: ['staff'],
        sealed_by: 'k1',
        address: '192.0.2.1',
        requested_model: 'fast',
        outcome: 'RATE_LIMITED',
        code: 'RESOURCE_EXHAUSTED',
      },
      { seq: 2, type: 'close', reason: 'stopped' },
    ]);
    expect(readFileSync(path, 'utf8')).not.toMatch(/secret|quote/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await clean(path);
  });

  test('of callers who write line feeds and long names stay one line each', async () => {
    const path = place();
    const log = await open(path);
    const call = endedCall('id-1');
    call.requestedModel = `a\n{"seq":9}${'x'.repeat(10_000)}`;
    log.record(call, undefined);
    await log.close();
    const records = recordsIn(path);
    expect(records).toHaveLength(3);
    expect(String(records[1]?.['requested_model']).length).toBeLessThan(250);
  });

  test('go on in the next file when one is full', async () => {
    const path = place();
    const told = recorder();
    const log = await open(path, { maxFileBytes: 2_000, events: told.events });
    for (let i = 0; i < 30; i++) {
      log.record(endedCall(`id-${i}`), undefined);
      if (i % 10 === 9) await expect.poll(told.written).toBeGreaterThan(i);
    }
    await log.close();
    const files = filesIn(join(path, '..'));
    expect(files.length).toBeGreaterThan(2);
    const ids = files.flatMap(recordsIn).flatMap(({ request_id }) => request_id ?? []);
    expect(ids).toEqual(Array.from({ length: 30 }, (_, i) => `id-${i}`));
    await clean(...files);
    expect(await verifyAudit(files.toReversed(), key)).toMatchObject({
      chains: [{ first: 0, closed: true, files: files.length }],
    });
  });
});

describe('the next process', () => {
  test('goes on with the chain', async () => {
    const path = place();
    await writeLog(path, 2);
    await writeLog(path, 2);
    expect(recordsIn(path).map(({ seq, type }) => [seq, type])).toEqual([
      [0, 'open'],
      [1, 'call'],
      [2, 'call'],
      [3, 'close'],
      [4, 'start'],
      [5, 'call'],
      [6, 'call'],
      [7, 'close'],
    ]);
    await clean(path);
  });

  test('tells of a line that was torn, and leaves it', async () => {
    const path = place();
    await writeLog(path, 3);
    const whole = readFileSync(path);
    for (const cut of [1, 40, 200]) {
      writeFileSync(path, whole);
      truncateSync(path, whole.length - cut);
      const told = recorder();
      await writeLog(path, 1, { events: told.events });
      const found = await verifyAudit([path], key);
      expect(found.problems).toEqual([]);
      // Without its line feed alone the record is whole.
      const torn = cut > 1;
      expect(told.told).toEqual([torn ? expect.stringMatching(/^resumed: [1-9]/) : 'resumed: 0']);
      expect(found.notes.map(({ text }) => text)).toEqual(
        torn ? ['is torn: the process was killed, as the next record says'] : [],
      );
      await writeLog(path, 1);
      expect((await verifyAudit([path], key)).problems).toEqual([]);
    }
  });

  test('finds the chain where the last one left it between two files', async () => {
    const path = place();
    const { events } = recorder();
    await writeLog(path, 40, { maxFileBytes: 500, events });
    await writeLog(path, 1, { maxFileBytes: 500, events });
    rmSync(path);
    await writeLog(path, 1);
    const files = filesIn(join(path, '..'));
    const { chains } = await verifyAudit(files, key);
    expect(chains).toHaveLength(1);
  });

  test('puts aside what does not verify, and says so', async () => {
    const path = place();
    await writeLog(path, 3);
    const told = recorder();
    await writeLog(path, 1, { key: Buffer.alloc(32, 8), events: told.events });
    expect(told.told).toEqual(['unverified']);
    const files = filesIn(join(path, '..'));
    expect(files).toHaveLength(2);
    expect(recordsIn(path)[0]).toMatchObject({ seq: 0, type: 'open' });
  });

  test('waits for no dead one, but takes no file from a living one', async () => {
    const path = place();
    const lock = join(path, '..', '.audit-0.jsonl.lock');
    writeFileSync(lock, '1');
    await expect(open(path)).rejects.toThrow('process 1 writes it already');
    writeFileSync(lock, String(2 ** 22 + 1));
    const log = await open(path);
    await expect(open(path)).rejects.toThrow(`process ${process.pid} writes it already`);
    await log.close();
    expect(existsSync(lock)).toBe(false);
  });
});

describe('a file that', () => {
  test('was changed or replaced is told of', async () => {
    const path = place();
    const { events, told } = recorder();
    const clock = hurrying();
    const log = await open(path, { events, clock });
    const written = async (id: string) => {
      clock.hurry(2_000);
      log.record(endedCall(id), undefined);
      await expect.poll(() => readFileSync(path, 'utf8')).toContain(id);
    };
    appendFileSync(path, 'somebody\n');
    await written('id-1');
    rmSync(path);
    await written('id-2');
    await log.close();
    expect(told).toEqual(['interfered: changed', 'interfered: replaced']);
    const { problems, notes } = await verifyAudit([path], key);
    expect(problems).toEqual([]);
    expect(notes.map(({ text }) => text)).toEqual([
      expect.stringMatching(/starts at record 3/),
      expect.stringMatching(/another file, or none/),
    ]);
  });

  test('is on a full disk makes calls wait, until there is room again', async () => {
    const path = place();
    const { events, told } = recorder();
    const clock = hurrying();
    const log = await open(path, { events, clock });
    rmSync(path);
    symlinkSync('/dev/full', path);
    clock.hurry(2_000);
    log.record(endedCall('id-1'), undefined);
    await expect.poll(() => told).toContain('failing: ENOSPC');
    expect(log.ready).toBe(false);
    rmSync(path);
    await expect.poll(() => log.ready, { timeout: 5_000 }).toBe(true);
    log.record(endedCall('id-2'), undefined);
    await log.close();
    expect(recordsIn(path).flatMap(({ request_id }) => request_id ?? [])).toEqual(['id-1', 'id-2']);
    await clean(path);
  });

  test('is slow lets so many wait, and counts the others', async () => {
    const pieces: Buffer[] = [];
    let letGo = () => {};
    let slow = false;
    let begun = false;
    const file: WritableFile = {
      bytes: 0,
      newestFull: () => undefined,
      inspect: () => undefined,
      async append(bytes) {
        if (slow) {
          begun = true;
          await new Promise<void>((resolve) => {
            letGo = resolve;
          });
        }
        // In bits, as a disk that is nearly full takes them.
        const taken = bytes.subarray(0, 100);
        pieces.push(taken);
        return taken.length;
      },
      sync: async () => {},
      setAside: () => {},
      close: async () => {},
    };
    const { events, told } = recorder();
    const log = await open('unused', { events, maxWaiting: 10, openFile: () => file });
    slow = true;
    for (let i = 0; i < 6; i++) log.record(endedCall(`id-${i}`), undefined);
    expect(log.ready).toBe(false);
    for (let i = 6; i < 14; i++) log.record(endedCall(`id-${i}`), undefined);
    expect(told).toEqual(['lost: 1', 'lost: 1', 'lost: 1', 'lost: 1']);
    await expect.poll(() => begun).toBe(true);
    slow = false;
    letGo();
    await expect.poll(() => log.ready).toBe(true);
    log.record(endedCall('id-14'), undefined);
    await log.close();
    const path = place();
    writeFileSync(path, Buffer.concat(pieces));
    const records = recordsIn(path).map(
      ({ type, request_id, lost }) => request_id ?? (lost === undefined ? type : lost),
    );
    expect(records).toEqual(['open', ...Array.from({ length: 10 }, (_, i) => `id-${i}`), 4, 'id-14', 'close']);
    await clean(path);
  });
});
