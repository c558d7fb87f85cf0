import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folder, key, linesIn, recorder, writeLog } from '../telemetry/audit/testing/audited.ts';
import { runCli } from './testing/spawn-cli.ts';

const env = { LLMBRIDGE_MONITORING__AUDIT__KEY: key.toString('hex') };

async function log() {
  const path = join(folder(), 'audit-0.jsonl');
  const { events, anchors } = recorder();
  await writeLog(path, 3, { events });
  const chain = anchors[0]?.chain ?? '';
  const told = anchors.map((anchor) => JSON.stringify({ event: 'audit_anchor', ...anchor, msg: 'the log' }));
  return { path, chain, told: ['not JSON "audit_anchor"', '{"msg":"call"}', ...told].join('\n') };
}

describe('audit verify', () => {
  it('says that a log is as written', async () => {
    const { path, chain } = await log();
    const stdout = `chain ${chain}: records 0 to 4 in 1 file, closed\nas written\n`;
    expect(await runCli(['audit', 'verify', path], { env })).toEqual({ code: 0, stdout, stderr: '' });
    const keyFile = join(folder(), 'key');
    writeFileSync(keyFile, `${key.toString('base64url')}\n`);
    const ended = await runCli(['audit', 'verify', path, '--key-file', keyFile, '--complete']);
    expect(ended).toEqual({ code: 0, stdout, stderr: '' });
  });

  it('says in which line it is not', async () => {
    const { path } = await log();
    writeFileSync(path, `${linesIn(path).toSpliced(2, 1).join('\n')}\n`);
    const { code, stdout } = await runCli(['audit', 'verify', path], { env });
    expect(code).toBe(1);
    expect(stdout).toContain(`${path}:3: record 2 is missing before record 3\n`);
    expect(stdout).toMatch(/\n1 problem\n$/);
  });

  it('finds a cut end by what the gateway logged, or where completeness is asked for', async () => {
    const { path, told } = await log();
    const gatewayLog = join(folder(), 'gateway.log');
    writeFileSync(gatewayLog, told);
    expect(await runCli(['audit', 'verify', path, '--anchors', gatewayLog], { env })).toMatchObject({ code: 0 });
    writeFileSync(path, `${linesIn(path).slice(0, 3).join('\n')}\n`);
    const cut = await runCli(['audit', 'verify', path], { env });
    expect(cut).toMatchObject({ code: 0, stdout: expect.stringMatching(/not closed/) });
    expect(await runCli(['audit', 'verify', path, '--complete'], { env })).toMatchObject({ code: 1 });
    expect(await runCli(['audit', 'verify', path, '--anchors', gatewayLog], { env })).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/ends at record 2, but was told to be at 4/),
    });
  });

  it.each<[string, string[], number, RegExp]>([
    ['no file', ['audit', 'verify'], 64, /say audit verify FILE/],
    ['another verb', ['audit', 'check', 'x'], 64, /say audit verify FILE/],
    ['a file that is not there', ['audit', 'verify', '/nowhere'], 66, /\/nowhere cannot be read: ENOENT/],
    ['an anchor that is none', ['audit', 'verify', 'x', '--anchor', 'x'], 64, /an anchor is/],
  ])('refuses %s', async (_name, args, code, text) => {
    expect(await runCli(args, { env })).toMatchObject({ code, stderr: expect.stringMatching(text) });
  });

  it('needs the key', async () => {
    expect(await runCli(['audit', 'verify', 'x'])).toMatchObject({ code: 64 });
    const short = { LLMBRIDGE_MONITORING__AUDIT__KEY: 'short' };
    expect(await runCli(['audit', 'verify', 'x'], { env: short })).toMatchObject({ code: 64 });
  });
});
