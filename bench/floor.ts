import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** Builds the Go references and readers (bench/floor), and returns the program's path. Throws where there is no Go. */
export function buildFloor(): string {
  const program = join(here, '../.cache/bench/floor');
  mkdirSync(dirname(program), { recursive: true });
  const built = spawnSync('go', ['build', '-o', program, '.'], { cwd: join(here, 'floor'), encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`bench/floor does not build: ${built.stderr || String(built.error)}`);
  return program;
}
