import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { version } from '../version.ts';
import { runCli, startCli } from './testing/spawn-cli.ts';

/** Runs in a directory with these files. */
async function withFiles(
  files: Readonly<Record<string, string>>,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  const cwd = mkdtempSync(join(tmpdir(), 'llm-bridge-cli-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
    return await runCli(args, { cwd, env });
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

const SIM = 'providers: { sim: { type: simulator, models: [sim] } }\n';

describe('llm-bridge', () => {
  it('prints help and version', async () => {
    expect(await runCli(['version'])).toEqual({
      code: 0,
      stdout: `llm-bridge ${version} (Node.js ${process.versions.node})\n`,
      stderr: '',
    });
    expect((await runCli(['--help'])).stdout).toContain('llm-bridge check-config');
    expect((await runCli(['help', 'call'])).stdout).toContain('--temperature');
    expect((await runCli(['simulate', '--help'])).stdout).toContain('--fast');
  });

  it('refuses what it does not know', async () => {
    expect(await runCli(['sevre'])).toMatchObject({ code: 64, stderr: expect.stringContaining("no verb 'sevre'") });
    expect(await runCli(['--confg', 'x'])).toMatchObject({ code: 64, stderr: expect.stringContaining('--confg') });
  });
});

describe('check-config', () => {
  it('says what a file comes to, without its secrets', async () => {
    const text = `${SIM}models: [{ name: fast, targets: [{ provider: sim, model: sim }] }]\nredis: { url: "redis://u:hidden@h" }\nmonitoring: { tracing: { otlp_endpoint: "http://h:4318" } }`;
    const { code, stdout, stderr } = await withFiles({ 'test.yaml': text }, ['check-config', '--config', 'test.yaml']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^test\.yaml: OK \(--config\)$/m);
    expect(stdout).toMatch(/^ {2}sim {2}simulator {2}simulated$/m);
    expect(stdout).toMatch(/^ {2}fast {2}weighted {2}sim\/sim weight 1$/m);
    expect(stdout).toMatch(/^warning: monitoring\.tracing\.otlp_endpoint: it is set, but this build/m);
    expect(stdout).not.toContain('hidden');
  });

  it('prints all that is wrong, and ends with 78', async () => {
    const { code, stdout, stderr } = await withFiles(
      { 'test.yaml': `${SIM}server:\n  prot: 1\n  port: x` },
      ['check-config', '-c', 'test.yaml'],
      {
        LLMBRIDGE_SERVER__HOTS: 'x',
      },
    );
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    expect(stderr.split('\n')).toEqual([
      'LLMBRIDGE_SERVER__HOTS: there is no such setting; did you mean LLMBRIDGE_SERVER__HOST?',
      'test.yaml:3:3: server.prot: unknown key; did you mean port?',
      'test.yaml:4:9: server.port: must be a number, not text',
      'llm-bridge: 3 configuration errors',
      '',
    ]);
  });

  it('reads .env, and the file that LLMBRIDGE_CONFIG names', async () => {
    const env = 'LLMBRIDGE_CONFIG=own.yaml\nLLMBRIDGE_SERVER__PORT=7777\n';
    const { stdout } = await withFiles({ 'own.yaml': SIM, '.env': env }, ['check-config']);
    expect(stdout).toContain('own.yaml: OK (LLMBRIDGE_CONFIG)');
    expect(stdout).toContain('127.0.0.1:7777');
  });
});

describe('serve', () => {
  it('serves, says where, drains on SIGTERM and ends with 0', async () => {
    const run = startCli(['serve'], { env: { LLMBRIDGE_SERVER__PORT: '0' } });
    const [, port = ''] = await run.printed('stdout', /"event":"started".*?"port":(\d+)/);
    await run.printed('stdout', /"config_warning".*answers are simulated/);

    const taken = await runCli(['serve'], { env: { LLMBRIDGE_SERVER__PORT: port } });
    expect(taken).toMatchObject({ code: 1, stderr: expect.stringMatching(/^llm-bridge: 127\.0\.0\.1:\d+ is in use/) });
    const health = await runCli(['health'], { env: { LLMBRIDGE_SERVER__PORT: port } });
    expect(health).toMatchObject({ code: 0, stdout: `127.0.0.1:${port}: SERVING\n` });
    const answer = await runCli(['call', '-a', `127.0.0.1:${port}`, '--stream', '-m', 'sim', 'hello']);
    expect(answer).toMatchObject({ code: 0, stderr: expect.stringContaining('simulated') });

    run.process.kill('SIGTERM');
    const { code, stdout } = await run.ended;
    expect(code).toBe(0);
    expect(stdout).toContain('"event":"drained"');
  });

  it('ends at once on a second signal', async () => {
    const run = startCli(['serve'], { env: { LLMBRIDGE_SERVER__PORT: '0' } });
    const [, port = ''] = await run.printed('stdout', /"event":"started".*?"port":(\d+)/);
    const stalled = startCli([
      'call',
      '-a',
      `127.0.0.1:${port}`,
      '--stream',
      '-p',
      'sim',
      '-m',
      'sim:stall=5',
      'hello',
    ]);
    await stalled.printed('stdout', /./);
    run.process.kill('SIGINT');
    await run.printed('stdout', /"event":"draining"/);
    run.process.kill('SIGINT');
    expect((await run.ended).code).toBe(1);
    expect((await stalled.ended).code).not.toBe(0);
  });

  it('refuses a bad file with 78', async () => {
    expect(await withFiles({ 'test.yaml': 'providers: 3' }, ['--config', 'test.yaml'])).toMatchObject({ code: 78 });
    expect(await runCli(['serve', '--config', 'none.yaml'])).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('none.yaml: cannot be read: ENOENT'),
    });
  });
});

describe('simulate', () => {
  it('answers in OpenAI’s dialect until it is told to stop', async () => {
    const run = startCli(['simulate', '--port', '0', '--fast']);
    const [, url = ''] = await run.printed('stdout', /simulator: (http:\S+)/);
    const body = JSON.stringify({ model: 'sim', messages: [{ role: 'user', content: 'hi' }] });
    const response = await fetch(`${url}/chat/completions`, { method: 'POST', body });
    expect(response.status).toBe(200);
    run.process.kill('SIGINT');
    expect((await run.ended).code).toBe(0);
  });
});
