import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const script = (body: string, worker?: number) => `
  import { createLogger } from ${JSON.stringify(fileURLToPath(new URL('logger.ts', import.meta.url)))};
  const logger = createLogger({ level: 'info'${worker === undefined ? '' : `, worker: ${worker}`} });
  ${body}
`;

/** What a command writes, by a reader that begins to read when it is told to. */
function started(command: string, args: readonly string[]): { child: ChildProcess; read: () => Promise<string[]> } {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  return {
    child,
    async read() {
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      await once(child, 'close');
      return text.trim().split('\n');
    },
  };
}

const node = (source: string) => started(process.execPath, ['--input-type=module', '-e', source]);

test('what was logged last is on stdout when the process ends in the same turn', async () => {
  const lines = await node(
    script("for (let i = 0; i < 1000; i++) logger.info({ i }, 'text'); process.exit(0);"),
  ).read();
  expect(lines).toHaveLength(1000);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ i: 999 });
});

/** More than a pipe holds, then a last line while nobody reads, then a word that the process goes on living. */
const stalled = `
  for (let i = 0; i < 400; i++) logger.info({ text: 'x'.repeat(1000) });
  setTimeout(() => logger.info({ last: true }), 50);
  setTimeout(() => process.stderr.write('told'), 150);
  process.stdin.resume();
`;

test('a line that came while an earlier write waited for its reader needs no other one to follow', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script(stalled)]);
  await once(child.stderr, 'data');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  await expect.poll(() => text).toContain('"last":true');
  child.kill();
});

test('for a reader who does not read, no more is held than is told, and what was let go is counted', async () => {
  const lines = 9_000;
  const body = `const text = 'x'.repeat(10_000);
    for (let i = 0; i < ${lines}; i++) logger.info({ text });
    setTimeout(() => process.stderr.write('told'), 100);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script(body)]);
  await once(child.stderr, 'data');
  let text = '';
  child.stdout.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
  });
  await once(child, 'close');
  const told = text.trim().split('\n');
  const { event, count } = JSON.parse(told.at(-1) ?? '') as { event: string; count: number };
  expect(event).toBe('log_lines_dropped');
  expect(count).toBeGreaterThan(0);
  expect(told.length - 1 + count).toBe(lines);
});

test('the lines of two processes that share a slow reader stay whole', async () => {
  const body = `for (let i = 0; i < 500; i++) logger.info({ i, text: 'ä'.repeat(300 + (i % 7)) });
    setTimeout(() => { for (let i = 500; i < 900; i++) logger.info({ i, text: 'x'.repeat(700) }); }, 20);`;
  const sources = [0, 1].map((worker) => script(body, worker));
  const both = started('sh', [
    '-c',
    '"$0" --input-type=module -e "$1" & "$0" --input-type=module -e "$2"; wait',
    process.execPath,
    ...sources,
  ]);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const lines = await both.read();
  const seen = lines.map((line) => JSON.parse(line) as { worker: number; i: number });
  for (const worker of [0, 1])
    expect(seen.filter((line) => line.worker === worker).map(({ i }) => i)).toEqual(
      Array.from({ length: 900 }, (_, i) => i),
    );
});
