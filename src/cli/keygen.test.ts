import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runCli } from './testing/spawn-cli.ts';

/** What it printed, read as YAML. */
async function made(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await runCli(['keygen', ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return parse(stdout) as Record<string, unknown>;
}

describe('keygen', () => {
  it('makes a key and the line that knows it', async () => {
    const one = await made();
    const { key } = one as { key: string };
    expect(key).toMatch(/^llmb-[\w-]{43}$/);
    const sha256 = createHash('sha256').update(key).digest('hex');
    expect(one['security.api_keys']).toEqual({ name: 'me', user: 'me', sha256 });
    expect((await made())['key']).not.toBe(key);
  });

  it('takes any user and name', async () => {
    const { 'security.api_keys': line } = await made('--user', 'o"neill: #1', '-n', 'laptop');
    expect(line).toMatchObject({ name: 'laptop', user: 'o"neill: #1' });
  });

  it('makes a secret of 256 bits for sealing', async () => {
    const one = await made('--sealing', '--name', 'k7');
    expect(Buffer.from(String(one['secret']), 'base64url')).toHaveLength(32);
    expect(one['security.sealing.keys']).toEqual({ id: 'k7', secret: '$' + '{SEAL_SECRET}' });
  });

  it('makes a secret of 256 bits for signing', async () => {
    const one = await made('--signing', '--name', 's7', '--user', 'alice');
    expect(Buffer.from(String(one['secret']), 'base64url')).toHaveLength(32);
    expect(one['security.request_signing.keys']).toEqual({
      id: 's7',
      secret: '$' + '{SIGNING_SECRET}',
      user: 'alice',
    });
  });

  it('makes a secret of 256 bits for the audit log', async () => {
    const one = await made('--audit');
    expect(Buffer.from(String(one['secret']), 'base64url')).toHaveLength(32);
    expect(one['monitoring.audit']).toEqual({ file: 'audit-{worker}.jsonl', key: '$' + '{AUDIT_KEY}' });
  });

  it('refuses an empty name', async () => {
    expect(await runCli(['keygen', '--user', ''])).toMatchObject({ code: 64 });
  });
});
