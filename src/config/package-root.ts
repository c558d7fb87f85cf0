import { existsSync, globSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The directory that the program was installed to, known by its `configs`: sources and compiled files stand at
 * different depths below it, and a copy of package.json is among the compiled ones.
 */
export function packageRoot(): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, 'configs', 'demo.yaml'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error('no configs/demo.yaml above the program');
    directory = parent;
  }
  return directory;
}

/** The configuration files that the program came with, relative to its root. */
export const shippedConfigs = (): string[] => globSync('configs/**/*.yaml', { cwd: packageRoot() }).sort();
