import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from './config/load.ts';
import { createReloader, type ReloaderOptions } from './reload.ts';
import { ManualClock } from './simulator/testing/manual-clock.ts';
import type { Swap } from './swap.ts';

let folder: string;
let file: string;
const text = (user: string, ip = 1) => `providers: { any: { type: any, base_url: http://x } }
security: { api_keys: [{ name: a, user: ${user}, sha256: "${'0'.repeat(64)}" }] }
rate_limit: { ip: { requests: ${ip}/s } }`;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'llm-bridge-reload-'));
  file = join(folder, 'config.yaml');
  writeFileSync(file, text('start'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const type = {
  type: 'any',
  title: 'Any',
  baseUrl: undefined,
  keyVariable: undefined,
  requiresKey: false,
  simulated: true,
  options: {},
};
const load = () => loadConfig(file, {}, [type]);

/** A reloader on a clock that stands still until `pass` is called. */
function setUp(more: Partial<ReloaderOptions> = {}) {
  const told: string[] = [];
  const users: (string | undefined)[] = [];
  const clock = new ManualClock();
  const { config } = load();
  const reloader = createReloader({
    source: { files: [file], load },
    config,
    parts: [
      {
        paths: ['security.api_keys'],
        prepare({ security }): Swap {
          const user = security.api_keys[0]?.user;
          const changed = user === (users.at(-1) ?? 'start') ? [] : ['security.api_keys'];
          return { changed, pending: [], commit: () => void users.push(user) };
        },
      },
    ],
    intervalMs: 5_000,
    clock,
    events: {
      configReloaded: (trigger, changed) => void told.push(`${trigger}: ${changed.join()}`),
      configRefused: (trigger, problems) => void told.push(`${trigger} refused: ${problems}`),
      configPending: (paths) => void told.push(`pending: ${paths.join()}`),
    },
    metrics: { reloaded: () => {} },
    ...more,
  });
  return { reloader, told, users, pass: (ms: number) => clock.pass(ms), armed: () => clock.pending > 0 };
}

test('files that stay as they are have nothing told', () => {
  const { told, pass } = setUp();
  pass(60_000);
  expect(told).toEqual([]);
});

test('a change between the start and the first look is seen', () => {
  const { told, pass } = setUp({ source: { files: [file], load: () => load() } });
  writeFileSync(file, text('alice'));
  pass(6_000);
  expect(told).toEqual(['files: security.api_keys']);
});

test('what is written is read once it rests for a second', () => {
  const { users, pass } = setUp();
  pass(5_000);
  writeFileSync(file, text('alice'));
  pass(5_000);
  writeFileSync(file, text('bob-'));
  pass(1_000);
  expect(users).toEqual([]);
  pass(1_000);
  expect(users).toEqual(['bob-']);
});

test('what changes while it is read is refused, and read again', () => {
  let isBeingWritten = true;
  const { users, told, pass, reloader } = setUp({
    source: {
      files: [file],
      load() {
        const loaded = load();
        if (isBeingWritten) writeFileSync(file, text('whole-one'));
        isBeingWritten = false;
        return loaded;
      },
    },
  });
  writeFileSync(file, text('half'));
  expect(reloader.reload('test')).toBe(false);
  expect(users).toEqual([]);
  expect(told).toEqual(['test refused: a file changed while it was read']);
  pass(6_000);
  expect(users).toEqual(['whole-one']);
});

test('one part that can’t take it keeps all from it, and that is told once', () => {
  const { users, told, pass } = setUp();
  const refusing = setUp({
    parts: [
      { paths: [], prepare: () => ({ changed: ['a'], pending: [], commit: () => void users.push('half') }) },
      {
        paths: [],
        prepare() {
          throw new Error('not so');
        },
      },
    ],
  });
  writeFileSync(file, text('alice'));
  refusing.pass(60_000);
  expect(users).toEqual([]);
  expect(refusing.told).toEqual(['files refused: not so']);
  pass(6_000);
  expect([users, told]).toEqual([['alice'], ['files: security.api_keys']]);
});

test('settings that nobody takes are named', () => {
  const { told, reloader } = setUp();
  writeFileSync(file, text('alice', 2));
  expect(reloader.reload('test')).toBe(true);
  expect(told).toEqual(['test: security.api_keys', 'pending: rate_limit.ip.requests.count']);
});

test('an interval of nothing never looks; a closed one no more', () => {
  expect(setUp({ intervalMs: 0 }).armed()).toBe(false);
  const { reloader, armed } = setUp();
  expect(armed()).toBe(true);
  reloader.close();
  expect(armed()).toBe(false);
});
