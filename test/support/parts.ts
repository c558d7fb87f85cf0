import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, test } from 'vitest';

/** The root of the repository. */
export const root = join(import.meta.dirname, '..', '..');

/** Where `scripts/parts.sh` puts what it installs. */
export const cache = join(root, '.cache');

function onPath(name: string): string | undefined {
  const folders = [join(cache, 'bin'), ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What a suite may need beyond npm's packages: where it is, and the one command that brings it. */
const parts = {
  python: { find: () => venvPython(), bring: 'scripts/parts.sh python' },
  go: { find: () => onPath('go'), bring: 'install Go 1.26 or newer from https://go.dev/dl' },
  java: { find: () => onPath('java'), bring: 'sudo apt-get install openjdk-17-jdk' },
  mvn: { find: () => onPath('mvn'), bring: 'sudo apt-get install maven' },
  grpcurl: { find: () => onPath('grpcurl'), bring: 'scripts/parts.sh go' },
  'grpc-health-probe': { find: () => onPath('grpc-health-probe'), bring: 'scripts/parts.sh go' },
  'protoc-gen-go': { find: () => onPath('protoc-gen-go'), bring: 'scripts/parts.sh go' },
  'protoc-gen-go-grpc': { find: () => onPath('protoc-gen-go-grpc'), bring: 'scripts/parts.sh go' },
  connectconformance: { find: () => onPath('connectconformance'), bring: 'scripts/parts.sh go' },
  h2spec: { find: () => onPath('h2spec'), bring: 'scripts/parts.sh go' },
  'toxiproxy-server': { find: () => onPath('toxiproxy-server'), bring: 'scripts/parts.sh go' },
  chromium: {
    find: () => onPath('chromium') ?? onPath('chromium-browser') ?? onPath('google-chrome'),
    bring: 'sudo apt-get install chromium',
  },
  promtool: { find: () => onPath('promtool'), bring: 'sudo apt-get install prometheus' },
  'redis-server': { find: () => onPath('redis-server'), bring: 'sudo apt-get install redis-server' },
  ruby: { find: () => onPath('ruby'), bring: 'sudo apt-get install ruby' },
  curl: { find: () => onPath('curl'), bring: 'sudo apt-get install curl' },
} as const satisfies Record<string, { find: () => string | undefined; bring: string }>;

export type PartName = keyof typeof parts;

/** The virtual environment's python, once its packages are there. */
function venvPython(): string | undefined {
  const venv = join(cache, 'venv');
  return existsSync(join(venv, 'requirements.txt')) ? join(venv, 'bin', 'python') : undefined;
}

/** Whether a part is there. */
export const has = (name: PartName): boolean => parts[name].find() !== undefined;

/** The path of a part that the enclosing `suite` asked for. */
export function part(name: PartName): string {
  const path = parts[name].find();
  if (path === undefined) throw new Error(`${name} is missing; run: ${parts[name].bring}`);
  return path;
}

/** How the names of suites that were left out begin; the reporter looks for it. */
const LEFT_OUT = 'left out: ';

/**
 * A `describe` that needs parts. Where one is missing the suite is left out, and says which command brings it;
 * with CI=true it fails instead.
 */
export function suite(title: string, needs: readonly PartName[], body: () => void): void {
  const missing = needs.filter((name) => !has(name));
  if (missing.length === 0) {
    describe(title, body);
    return;
  }
  const commands = [...new Set(missing.map((name) => parts[name].bring))];
  const text = `${LEFT_OUT}${title} (no ${missing.join(', ')}); run: ${commands.join(' && ')}`;
  if (process.env['CI'] === 'true') {
    test(text, () => {
      throw new Error(text);
    });
  } else test.skip(text, () => {});
}
