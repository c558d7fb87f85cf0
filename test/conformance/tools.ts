import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Path of a tool: from the environment variable, else by its name on PATH; undefined where it is not installed. */
export function toolPath(variable: string, name: string): string | undefined {
  const given = process.env[variable];
  if (given !== undefined && given !== '') return existsSync(given) ? given : undefined;
  try {
    return execFileSync('which', [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

/** Whether a missing tool is a failure: on the build machines it is. */
export const toolsRequired = process.env['CI'] === 'true';
