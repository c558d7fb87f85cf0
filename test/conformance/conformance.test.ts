import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { toolPath, toolsRequired } from './tools.ts';

const binary = toolPath('CONFORMANCE_BIN', 'connectconformance');

it.runIf(binary !== undefined || toolsRequired)(
  'serves every case of the Connect conformance suite',
  async () => {
    if (binary === undefined) throw new Error('connectconformance is neither in CONFORMANCE_BIN nor on PATH');
    const { code, output } = await run(binary);
    const failed = output.split('\n').filter((line) => line.startsWith('FAILED'));
    expect(failed).toEqual([]);
    expect(code, output.slice(-2000)).toBe(0);
    const [, passed = '0'] = /(\d+) passed, 0 failed/.exec(output) ?? [];
    // Fewer would mean that the configuration no longer asks for what it did.
    expect(Number(passed)).toBeGreaterThanOrEqual(5_286);
  },
  600_000,
);

it.skipIf(binary !== undefined || toolsRequired)('needs connectconformance (CONFORMANCE_BIN or PATH)', ({ skip }) => {
  skip('connectconformance is not installed: go install connectrpc.com/conformance/cmd/connectconformance@v1.0.7');
});

/** The suite's exit code and what it printed. Its `-v` keeps a hang from being silent. */
function run(suite: string): Promise<{ code: number | null; output: string }> {
  const folder = import.meta.dirname;
  const server = [process.execPath, join(folder, 'server.ts')];
  const child = spawn(
    suite,
    ['--conf', join(folder, 'config.yaml'), '--mode', 'server', '--max-servers', '2', '-v', '--', ...server],
    { stdio: ['ignore', 'pipe', 'pipe'] },
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
