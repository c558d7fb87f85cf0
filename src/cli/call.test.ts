import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeGateway, startFakeGateway } from './testing/fake-gateway.ts';
import { runCli, startCli } from './testing/spawn-cli.ts';

let gateway: FakeGateway;
beforeAll(async () => {
  gateway = await startFakeGateway();
});
afterAll(() => gateway.close());

const call = (...args: string[]) => runCli(['call', '--address', gateway.address, ...args]);

describe('call', () => {
  it('prints a whole answer, and who answered on stderr', async () => {
    const options = ['-m', 'x', '-p', 'prov', '-s', 'be brief', '--temperature', '0.7', '--max-tokens', '9'];
    const { code, stdout, stderr } = await call(...options, 'hi', 'there');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'hello there\n' });
    expect(stderr).toMatch(/^m · fake · 3 \+ 2 tokens · \d+ ms · simulated\n$/);
    expect(gateway.requests.at(-1)).toMatchObject({
      model: 'x',
      provider: 'prov',
      temperature: 0.7,
      maxTokens: 9,
      messages: [
        { role: 1, content: 'be brief' },
        { role: 3, content: 'hi there' },
      ],
    });
  });

  it('prints a stream as it comes', async () => {
    const { code, stdout, stderr } = await call('--stream', '-m', 'x', 'hi');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'hello there\n' });
    expect(stderr).toMatch(/^m · fake · 3 \+ 2 tokens · \d+ ms · first token \d+ ms/);
  });

  it('reads stdin, and takes the first model where none is named', async () => {
    const { code } = await runCli(['call', '-a', gateway.address], { input: 'from stdin\n' });
    expect(code).toBe(0);
    expect(gateway.requests.at(-1)).toMatchObject({ model: 'first', messages: [{ content: 'from stdin' }] });
  });

  it('prints messages as JSON lines', async () => {
    const { stdout } = await call('--json', '--stream', '-m', 'x', 'hi');
    const chunks = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(chunks).toHaveLength(3);
    expect(chunks[0].choices[0].delta.content).toBe('hello ');
  });

  it('tells code, reason and text of a failure', async () => {
    expect(await call('-m', 'fail', 'hi')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'error: RESOURCE_EXHAUSTED RATE_LIMITED: too many calls\n',
    });
  });

  it('does not take a cut stream for a whole answer', async () => {
    expect(await call('--stream', '-m', 'cut', 'hi')).toEqual({
      code: 1,
      stdout: 'hello \n',
      stderr: 'error: RESOURCE_EXHAUSTED RATE_LIMITED: too many calls\n',
    });
  });

  it('says when there is no gateway', async () => {
    const { code, stderr } = await runCli(['call', '-a', '127.0.0.1:1', '-m', 'x', 'hi']);
    expect(code).toBe(69);
    expect(stderr).toMatch(/^error: UNAVAILABLE: /);
  });

  it('cancels on Ctrl-C', async () => {
    const run = startCli(['call', '-a', gateway.address, '--stream', '-m', 'hang', 'hi']);
    await run.printed('stdout', /hello/);
    run.process.kill('SIGINT');
    await gateway.cancelled;
    expect(await run.ended).toMatchObject({ code: 130, stdout: 'hello \n', stderr: 'cancelled\n' });
  });

  it.each([
    [['--temperature', 'warm', 'hi'], /--temperature must be a number/],
    [['--max-tokens', '0', 'hi'], /--max-tokens must be a whole number from 1 on/],
    [['--tempratur', '1', 'hi'], /Unknown option '--tempratur'/],
    [['--header', 'nonsense', 'hi'], /--header must be NAME=VALUE/],
    [['--ca', '/no/such/file', 'hi'], /cannot use \/no\/such\/file/],
    [[], /the prompt is empty/],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await call(...args);
    expect(code).toBe(64);
    expect(stderr).toMatch(message);
  });
});

describe('health', () => {
  it('is 0 for a gateway that serves, 1 for one that does not, and 69 where none is', async () => {
    const health = (...args: string[]) => runCli(['health', '--address', gateway.address, ...args]);
    expect(await health()).toEqual({ code: 0, stdout: `${gateway.address}: SERVING\n`, stderr: '' });
    expect(await health('--service', 'not-serving')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/NOT_SERVING/),
    });
    const none = await runCli(['health', '--address', '127.0.0.1:1', '--timeout', '2']);
    expect(none).toMatchObject({ code: 69, stderr: expect.stringMatching(/127\.0\.0\.1:1: UNAVAILABLE/) });
  });
});
