import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { part, suite } from '../support/parts.ts';

/** Another build of the suite than the one that is installed. */
const given = process.env['CONFORMANCE_BIN'];

suite('the Connect conformance suite', given ? ['go'] : ['connectconformance', 'go'], () => {
  it.each(['on', 'off'])('passes whole with lanes %s', { timeout: 600_000 }, async (lanes) => {
    const { code, output } = await run(given ?? part('connectconformance'), lanes);
    const failed = output.split('\n').filter((line) => line.startsWith('FAILED'));
    expect(failed).toEqual([]);
    expect(code, output.slice(-2000)).toBe(0);
    const [, passed = '0'] = /(\d+) passed, 0 failed/.exec(output) ?? [];
    // Fewer would mean that the configuration no longer asks for what it did.
    expect(Number(passed)).toBeGreaterThanOrEqual(5_286);
  });
});

/** The suite's exit code and what it printed. Its `-v` keeps a hang from being silent. */
function run(binary: string, lanes: string): Promise<{ code: number | null; output: string }> {
  const folder = import.meta.dirname;
  const server = [process.execPath, join(folder, 'server.ts')];
  const child = spawn(
    binary,
    ['--conf', join(folder, 'config.yaml'), '--mode', 'server', '--max-servers', '2', '-v', '--', ...server],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, LANES: lanes } },
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}
