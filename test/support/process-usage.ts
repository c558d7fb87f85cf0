import { readdirSync } from 'node:fs';
import { usageOf as cpuAndMemoryOf, type Usage } from '../../bench/process.ts';

/** What a process has used, and holds. */
export interface ProcessUsage extends Usage {
  readonly descriptors: number;
}

export const usageOf = (pid: number): ProcessUsage => ({
  ...cpuAndMemoryOf(pid),
  descriptors: readdirSync(`/proc/${pid}/fd`).length,
});
