import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cache, root } from '../support/parts.ts';
import { run, runOk, type Served, serve } from '../support/process.ts';

// The compiled command, as `make run` and the image start it.

const MIB = 1 << 20;
// Inside the repository, so that packages and shipped files are found as they are from dist/.
const built = join(cache, 'built');
const main = join(built, 'src/main.js');
const quiet = { LLMBRIDGE_SERVER__PORT: '0', OPENAI_API_KEY: '' };

let gateway: Served & { readonly match: RegExpMatchArray };
let url: string;
let coldStartMs: number;

beforeAll(async () => {
  await runOk('rolldown', ['-c', '--dir', built]);
  const before = performance.now();
  gateway = await serve(process.execPath, [main, 'serve'], /"event":"started".*"port":(\d+)/, { env: quiet });
  coldStartMs = performance.now() - before;
  url = `http://127.0.0.1:${gateway.match[1]}`;
});
afterAll(() => gateway?.stop());

test('with no key at all it serves simulators, and says so', async () => {
  expect(gateway.output()).toContain('"event":"provider_simulated"');
  const reply = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"model":"gpt-3.5-turbo","provider":"openai","messages":[{"role":"user","content":"你好！"}],"parameters":{"temperature":0.7,"max_tokens":100}}',
  });
  expect(reply.status).toBe(200);
  expect(await reply.json()).toMatchObject({
    choices: [{ message: { content: expect.stringMatching(/./) } }],
    llmbridge: { simulated: true },
  });
});

test('cold start and memory at idle', async () => {
  const status = readFileSync(`/proc/${gateway.child.pid}/status`, 'utf8');
  const resident = Number(status.match(/^VmRSS:\s+(\d+) kB$/m)?.[1]) * 1024;
  console.log(`cold start ${Math.round(coldStartMs)} ms, resident at idle ${Math.round(resident / MIB)} MiB`);
  expect(resident).toBeLessThan(200 * MIB);
});

test('llm-bridge health exits 0 while it serves, and otherwise not', async () => {
  const port = gateway.match[1] ?? '';
  expect(await run(process.execPath, [main, 'health', '--address', `127.0.0.1:${port}`])).toMatchObject({ code: 0 });
  expect((await run(process.execPath, [main, 'health', '--address', '127.0.0.1:1'])).code).not.toBe(0);
});

test('llm-bridge call streams an answer over gRPC', async () => {
  const args = [
    main,
    'call',
    '--address',
    `127.0.0.1:${gateway.match[1]}`,
    '--model',
    'openai/gpt-3.5-turbo',
    '--stream',
    'Hello',
  ];
  const outcome = await run(process.execPath, args);
  expect(outcome).toMatchObject({ code: 0, stdout: expect.stringMatching(/\w+/) });
});

test('a configuration that is wrong is refused with exit code 78 and its place', async () => {
  const env = { ...quiet, LLMBRIDGE_SERVER__PORT: 'eighty' };
  const outcome = await run(process.execPath, [main, 'check-config'], { cwd: root, env });
  expect(outcome.code).toBe(78);
  expect(outcome.stderr + outcome.stdout).toContain('LLMBRIDGE_SERVER__PORT');
});
