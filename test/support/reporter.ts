import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

const cache = join(import.meta.dirname, '..', '..', '.cache');

/** Names each suite that was left out, ends with `N passed, N failed, N skipped`, and keeps the counts for `.ci/run`. */
export class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 };
    const leftOut = new Set<string>();
    for (const module of modules) {
      if (module.errors().length > 0) count.failed++;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        count[state]++;
        if (state === 'skipped' && test.name.startsWith('left out: ')) leftOut.add(test.name);
      }
    }
    for (const text of leftOut) console.log(text);
    console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
    mkdirSync(cache, { recursive: true });
    writeFileSync(join(cache, 'tally'), `${count.passed} ${count.failed} ${count.skipped}\n`);
  }
}
