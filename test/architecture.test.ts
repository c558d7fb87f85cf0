import { describe, expect, test } from 'vitest';
import { providerTypes } from '../src/providers/index.ts';
import { imports, isTest, literals, type SourceFile, sourceFiles, withoutComments } from './source-tree.ts';

const files = sourceFiles();
const production = files.filter((file) => !isTest(file));

/** Rings by folder, the innermost first. What stands in src/ itself belongs to the outermost. */
const rings: readonly (readonly string[])[] = [
  ['kernel'],
  ['crypto', 'upstream', 'balancer', 'providers', 'stores', 'telemetry', 'simulator'],
  ['interceptors', 'chat', 'services'],
  ['transports'],
  ['config', 'cli', 'workers', ''],
];

/** The folder under src/ of a path, '' for src/ itself; undefined for what is elsewhere. */
function folderOf(path: string): string | undefined {
  const [top, folder = '', ...rest] = path.split('/');
  if (top !== 'src') return undefined;
  return rest.length > 0 ? folder : '';
}

const ringOf = (folder: string): number => rings.findIndex((names) => names.includes(folder));

/** Why one file may not import another; undefined where it may. */
function forbidden(from: string, to: string): string | undefined {
  const folder = folderOf(from) ?? '';
  if (to.startsWith('gen/es/')) return undefined;
  if (to.startsWith('gen/'))
    return folder === 'cli' ? undefined : 'only the command line speaks through generated clients';
  if (to === 'package.json') return ringOf(folder) === 4 ? undefined : 'the outermost ring alone knows the package';
  const target = folderOf(to);
  if (target === undefined) return 'it is outside src';
  if (folder === target) return undefined;
  const [ring, inner] = [ringOf(folder), ringOf(target)];
  if (ring === 4) return undefined;
  if (ring === 3) return inner === 0 || inner === 2 ? undefined : 'transports see the kernel and ring 2 only';
  if (inner >= ring) return `ring ${ring} sees inner rings only`;
  if (ring === 2 && target === 'stores') return 'ring 2 sees ports, no store';
  if (ring === 2 && target === 'providers') return 'ring 2 sees ports, no provider';
  return undefined;
}

describe('the rings', () => {
  test('every folder has its ring', () => {
    const unknown = files.map(({ path }) => folderOf(path)).filter((folder) => ringOf(folder ?? '?') < 0);
    expect([...new Set(unknown)]).toEqual([]);
  });

  test('imports go inward only', () => {
    const wrong = production.flatMap((file) =>
      imports(file).flatMap((to) => {
        const why = forbidden(file.path, to);
        return why === undefined ? [] : [`${file.path} imports ${to}: ${why}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test.each([
    ['src/kernel/call.ts', 'src/telemetry/logger.ts'],
    ['src/telemetry/logger.ts', 'src/upstream/pool.ts'],
    ['src/chat/chat.ts', 'src/stores/redis.ts'],
    ['src/chat/chat.ts', 'src/providers/openai/adapter.ts'],
    ['src/chat/chat.ts', 'src/services/models.ts'],
    ['src/chat/chat.ts', 'src/config/schema.ts'],
    ['src/transports/calls.ts', 'src/telemetry/metrics.ts'],
    ['src/transports/http/server.ts', 'src/app.ts'],
    ['src/services/models.ts', 'gen/ts-proto/llmbridge/v1/chat_service.ts'],
    ['src/services/models.ts', 'test/source-tree.ts'],
  ])('%s may not import %s', (from, to) => {
    expect(forbidden(from, to)).toBeDefined();
  });

  test.each([
    ['src/app.ts', 'src/providers/index.ts'],
    ['src/version.ts', 'package.json'],
    ['src/cli/call.ts', 'gen/ts-proto/llmbridge/v1/chat_service.ts'],
    ['src/transports/calls.ts', 'src/kernel/call.ts'],
    ['src/transports/calls.ts', 'src/chat/chat.ts'],
    ['src/chat/chat.ts', 'src/balancer/policy.ts'],
    ['src/chat/chat.ts', 'gen/es/llmbridge/v1/chat_service_pb.ts'],
  ])('%s may import %s', (from, to) => {
    expect(forbidden(from, to)).toBeUndefined();
  });

  test('nobody loads what the rings do not show', () => {
    // A package by its name hides nothing of ours.
    const hiding = /\brequire\((?!\s*['"][a-z@])|\bimport\((?!\s*['"])/;
    const hidden = production.filter(({ text }) => hiding.test(withoutComments(text)));
    expect(hidden.map(({ path }) => path)).toEqual([]);
  });
});

describe('the files', () => {
  const named = (wrong: (file: SourceFile) => boolean) => files.filter(wrong).map(({ path }) => path);

  test('have at most 300 lines', () => {
    expect(named((file) => !isTest(file) && file.text.split('\n').length > 301)).toEqual([]);
  });

  test('are named in kebab-case, for what is in them', () => {
    expect(named(({ path }) => !/^src(\/[a-z0-9]+(-[a-z0-9]+)*)+(\.test)?\.ts$/.test(path))).toEqual([]);
    expect(named(({ path }) => /\/(utils?|helpers?|common|misc)(\/|\.)/.test(path))).toEqual([]);
  });

  test('export names, never a default', () => {
    expect(named(({ text }) => /^\s*export\s+default\b|\bas\s+default\b/m.test(withoutComments(text)))).toEqual([]);
  });

  test('import our own files with their endings', () => {
    const bare = files.flatMap((file) => imports(file).filter((to) => !/\.(ts|json)$/.test(to)));
    expect(bare).toEqual([]);
  });
});

describe('provider names', () => {
  const types = new Set(providerTypes.map(({ type }) => type));
  /** Where a provider may be called by its name. */
  const home = /^src\/(providers|simulator)\//;
  /** A dialect of the wire is no provider, though one gave it the name. */
  const dialect = /\bdialect\??(:| ===| !==)\s*$/;

  test('stand in nobody else’s code', () => {
    expect(types.size).toBeGreaterThan(0);
    const named = production
      .filter(({ path }) => !home.test(path))
      .flatMap(({ path, text }) =>
        literals(text)
          .filter(({ value, before }) => types.has(value) && !dialect.test(before))
          .map(({ value }) => `${path}: '${value}'`),
      );
    expect(named).toEqual([]);
  });

  test('are found in code, and not in comments or imports', () => {
    const found = literals(`
      // it's 'one'
      import { x } from './two.ts'; /* "three" */
      if (type === 'four' || type === "five") x(\`six\`);
    `);
    expect(found.map(({ value }) => value)).toEqual(['four', 'five', 'six']);
  });
});
