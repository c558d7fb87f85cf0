import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { root } from './parts.ts';

/** How a finished command ended. */
export interface Outcome {
  /** Exit code; -1 where a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  /** Milliseconds; the command is killed after them. */
  readonly timeout?: number;
  /** Takes the lines of a server from when it is ready, which then are not kept. */
  readonly onLine?: (line: string) => void;
}

/** Runs a command to its end, from the root of the repository unless `cwd` says otherwise. Never rejects on an exit code. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      args,
      {
        cwd: options.cwd ?? root,
        env: { ...process.env, ...options.env },
        timeout: options.timeout ?? 60_000,
        maxBuffer: 64 << 20,
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, stdout, stderr: error !== null && stderr === '' ? error.message : stderr });
      },
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

/** Like `run`, but throws with all that the command said unless it exits 0. Returns its standard output. */
export async function runOk(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const outcome = await run(command, args, options);
  if (outcome.code === 0) return outcome.stdout;
  throw new Error(`${command} ${args.join(' ')} exited ${outcome.code}\n${outcome.stdout}\n${outcome.stderr}`);
}

/** A running server of another program. */
export interface Served {
  readonly child: ChildProcess;
  /** What it has printed so far, both streams. */
  readonly output: () => string;
  /** Resolves with the exit code (-1 for a signal's end). */
  readonly exited: Promise<number>;
  /** Sends SIGTERM and waits. */
  stop(): Promise<number>;
}

/** Starts a server and waits for a line that matches `ready`; the match is returned beside it. */
export async function serve(
  command: string,
  args: readonly string[],
  ready: RegExp,
  options: RunOptions = {},
): Promise<Served & { readonly match: RegExpMatchArray }> {
  const child = spawn(command, args, {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let isReady = false;
  const exited = once(child, 'exit').then(([code]) => (typeof code === 'number' ? code : -1));
  const match = await new Promise<RegExpMatchArray>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => {
        if (isReady && options.onLine !== undefined) {
          options.onLine(line);
          return;
        }
        output += `${line}\n`;
        const found = line.match(ready);
        if (!found) return;
        isReady = true;
        resolve(found);
      });
    }
    child.once('error', reject);
    exited.then((code) => reject(new Error(`${command} exited ${code} before it served\n${output}`)), reject);
  });
  return {
    child,
    match,
    output: () => output,
    exited,
    stop() {
      child.kill('SIGTERM');
      return exited;
    },
  };
}
