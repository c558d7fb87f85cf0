import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whether a program is installed. */
export const installed = (program: string): boolean => spawnSync('which', [program]).status === 0;

const TICKS_PER_SECOND = Number(spawnSync('getconf', ['CLK_TCK']).stdout.toString()) || 100;

/** A program on one core. */
export interface Pinned {
  readonly pid: number;
  stop(): Promise<void>;
  /** What it has written to stdout and stderr so far, its last part. */
  output(): string;
}

/** Starts a program on a core, in that folder where one is given. */
export function startOn(
  core: number,
  command: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  folder?: string,
): Pinned {
  const child: ChildProcess = spawn('taskset', ['-c', String(core), ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
    cwd: folder,
  });
  let output = '';
  const keep = (bytes: Buffer) => {
    output = (output + bytes.toString()).slice(-2_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    // taskset becomes the program, so that its id is the program's.
    pid: child.pid ?? 0,
    output: () => output,
    async stop() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await gone;
      clearTimeout(late);
    },
  };
}

/** What a process has used, and holds. */
export interface Usage {
  /** CPU seconds, all its threads together. */
  readonly cpu: number;
  /** Resident, in MB. */
  readonly memory: number;
}

export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { cpu: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND, memory: Number(resident) / 1_024 };
}

/** Waits until `ready` resolves, telling what the program wrote where it never does. */
export async function until(program: Pinned, ready: () => Promise<void>, seconds = 20): Promise<void> {
  const deadline = performance.now() + seconds * 1_000;
  for (;;) {
    try {
      return await ready();
    } catch (error) {
      if (performance.now() > deadline) {
        throw new Error(`a program never came up: ${String(error)}\n${program.output()}`, { cause: error });
      }
      await sleep(50);
    }
  }
}
