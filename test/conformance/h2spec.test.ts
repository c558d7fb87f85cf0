import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { Readiness } from '../../src/kernel/readiness.ts';
import { defaultServerOptions } from '../../src/transports/parts.ts';
import { createServer } from '../../src/transports/server.ts';
import { knownFailures } from './h2spec-known.ts';
import { toolPath, toolsRequired } from './tools.ts';

const binary = toolPath('H2SPEC_BIN', 'h2spec');

it.runIf(binary !== undefined || toolsRequired)(
  'fails no case of h2spec but the known ones',
  async () => {
    if (binary === undefined) throw new Error('h2spec is neither in H2SPEC_BIN nor on PATH');
    const server = await createServer(
      {
        rpcs: [],
        gate: { authenticate() {} },
        observer: { begin() {}, end() {} },
        clock: systemClock,
        readiness: new Readiness([]),
      },
      { ...defaultServerOptions, port: 0 },
    );
    try {
      const { passed, failed } = await run(binary, server.port);
      expect(failed.filter((name) => !(name in knownFailures))).toEqual([]);
      expect(passed.length).toBeGreaterThanOrEqual(134);
    } finally {
      await server.close();
    }
  },
  300_000,
);

it.skipIf(binary !== undefined || toolsRequired)('needs h2spec (H2SPEC_BIN or PATH)', ({ skip }) => {
  skip('h2spec is not installed: go install github.com/summerwind/h2spec/cmd/h2spec@latest');
});

async function run(h2spec: string, port: number): Promise<{ passed: string[]; failed: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'h2spec-'));
  const report = join(folder, 'report.xml');
  try {
    // It exits with 1 if any case fails; the report tells which.
    await new Promise<void>((resolve) => {
      execFile(h2spec, ['-h', '127.0.0.1', '-p', String(port), '-o', '2', '-j', report], () => resolve());
    });
    const passed: string[] = [];
    const failed: string[] = [];
    const cases = /<testcase package="([^"]*)" classname="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g;
    for (const [, section = '', title = '', result = ''] of readFileSync(report, 'utf8').matchAll(cases)) {
      if (result.includes('<skipped')) continue;
      (/<failure|<error/.test(result) ? failed : passed).push(`${section}: ${decode(title)}`);
    }
    return { passed, failed };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const decode = (xml: string): string =>
  xml
    .replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
