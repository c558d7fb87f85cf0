import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigError } from './problem.ts';
import type { Environment } from './substitute.ts';

/**
 * The environment, with what the directory's `.env` adds: a variable that is really set wins, an empty one adds nothing. The additions go to
 * `process.env` too: the clouds' own libraries look for their credentials there. To be called once, at the start.
 */
export function readEnvironment(directory: string): Environment {
  const file = join(directory, '.env');
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    if (code !== 'ENOENT') throw new ConfigError([{ where: file, path: [], message: `cannot be read: ${code}` }]);
  }
  for (const [name, value] of Object.entries(parseEnv(text))) if (value !== '') process.env[name] ??= value;
  return process.env;
}
