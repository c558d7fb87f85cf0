import { defineConfig } from 'vitest/config';
import { TallyReporter } from './test/support/reporter.ts';

export default defineConfig({
  test: {
    reporters: ['default', new TallyReporter()],
    testTimeout: 20_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['{src,clients}/**/*.test.ts'], sequence: { groupOrder: 0 } } },
      {
        extends: true,
        test: {
          name: 'whole',
          include: ['test/**/*.test.ts'],
          // They measure memory, time and sockets, and start servers: one file at a time, after the others.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      // The same promises with the timings of life; only where they are asked for.
      ...(process.env['SOAK'] === 'true'
        ? [{ extends: true as const, test: { name: 'soak', include: ['test/soak/*.soak.ts'] } }]
        : []),
    ],
  },
});
