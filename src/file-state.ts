import { realpathSync, statSync } from 'node:fs';

/**
 * What tells one state of files from another: where each really is (Kubernetes swaps a link in the path of mounted
 * secrets), which file that is, how long, and when it was written. A file that can't be looked at is a state, too.
 */
export function fileState(files: readonly string[]): string {
  return files.map(stateOf).join('\n');
}

function stateOf(file: string): string {
  try {
    const path = realpathSync(file);
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return [path, dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code ?? 'unknown error';
  }
}
