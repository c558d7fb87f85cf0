import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../load.ts';
import { ConfigError } from '../problem.ts';
import type { Environment } from '../substitute.ts';
import { testTypes } from './types.ts';

/** Runs `action` with a directory that is gone afterwards. */
export function inTemporaryDirectory<T>(action: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'llm-bridge-config-'));
  try {
    return action(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Loads a file of that text. */
export const loadText = (text: string, env: Environment = {}) =>
  inTemporaryDirectory((directory) => {
    const file = join(directory, 'test.yaml');
    writeFileSync(file, text);
    return loadConfig(file, env, testTypes);
  });

/** What is wrong with a file of that text: `line:column: path: message`, or the variable in front. */
export function errorsOf(text: string, env: Environment = {}): string[] {
  try {
    loadText(text, env);
  } catch (error) {
    if (error instanceof ConfigError)
      return error.message.split('\n').map((line) => line.replace(/^.*test\.yaml:/, ''));
    throw error;
  }
  return [];
}
