import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

const main = join(import.meta.dirname, '..', '..', 'main.ts');

/** A run of the command. */
export interface CliRun {
  readonly process: ChildProcessWithoutNullStreams;
  /** Resolves when all that was printed on one of the streams matches. Rejects if the process ends first. */
  printed(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpMatchArray>;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A new empty directory where none is given. */
  readonly cwd?: string;
  /** What comes on stdin; nothing where it is not given. */
  readonly input?: string;
}

/** Starts `llm-bridge` from the sources, within a test, with an environment and a working directory that hold nothing of ours. */
export function startCli(args: readonly string[], { env = {}, cwd, input = '' }: CliOptions = {}): CliRun {
  const directory = mkdtempSync(join(tmpdir(), 'llm-bridge-cli-'));
  const child = spawn(process.execPath, [main, ...args], {
    cwd: cwd ?? directory,
    env: { PATH: process.env['PATH'], ...env },
  });
  // A test that fails half-way leaves no process behind.
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  child.stdin.end(input);
  const ended = once(child, 'close').then(([code]) => {
    rmSync(directory, { recursive: true });
    return { code: code as number | null, ...output };
  });
  return {
    process: child,
    ended,
    printed: (stream, pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(output[stream]);
          if (match !== null) resolve(match);
        };
        child[stream].on('data', look);
        look();
        ended.then(({ code, stderr }) =>
          reject(new Error(`ended with ${code} before it printed ${pattern}: ${stderr}`)),
        );
      }),
  };
}

/** Runs `llm-bridge` to its end. */
export const runCli = (args: readonly string[], options?: CliOptions) => startCli(args, options).ended;
