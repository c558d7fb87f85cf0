import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The directory of package.json: sources and compiled files stand at different depths below it. */
export function packageRoot(): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error('no package.json above the program');
    directory = parent;
  }
  return directory;
}
