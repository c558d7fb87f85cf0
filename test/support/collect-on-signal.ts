/** Preloaded into a process under test: SIGUSR2 collects garbage and says so. Needs --expose-gc. */
process.on('SIGUSR2', () => {
  globalThis.gc?.();
  process.stdout.write('collected\n');
});
