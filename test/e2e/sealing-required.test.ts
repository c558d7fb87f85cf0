import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GatewayProcess, spawnGateway } from '../support/gateway.ts';
import { rawEntrances } from '../support/raw-entrances.ts';
import { SealedCaller } from '../support/sealed-caller.ts';
import { sealedSurfaces } from '../support/sealed-surfaces.ts';

// Where calls must be sealed, no way in takes one in the clear, however the gateway is set up; and each nonce is good once.

const secret = randomBytes(32);
const { all: surfaces } = sealedSurfaces({ caller: new SealedCaller(secret, 'k1'), headers: {}, word: 'word' });
const model = 'sim/sim:tokens=2';
const rpc = '/llmbridge.v1.ChatService/ChatCompletion';
const message = JSON.stringify({ model, messages: [{ role: 'ROLE_USER', content: 'x' }] });
const openai = { model, messages: [{ role: 'user', content: 'x' }] };

describe.each([
  ['lanes and two workers', 'workers: 2'],
  ['no lanes', 'lanes: false'],
])('%s', (_what, server) => {
  let gateway: GatewayProcess;
  beforeAll(async () => {
    gateway = await spawnGateway(`
server: { ${server} }
providers: { sim: { type: simulator, models: [sim] } }
security: { sealing: { mode: required, keys: [{ id: k1, secret: "${secret.toString('base64')}" }] } }`);
  });
  afterAll(() => gateway.stop());

  test.each(rawEntrances.flatMap((entrance) => [false, true].map((stream) => ({ ...entrance, stream }))))(
    '$name, streamed: $stream',
    async ({ send, encode, stream }) => {
      const told = await send(gateway.url, {}, encode(model, 'x', stream), stream);
      expect(told.reason).toBe('SEAL_REQUIRED');
    },
  );

  const post = async (path: string, type: string, body: string) => {
    const headers = { 'content-type': type };
    const response = await fetch(`${gateway.url}${path}`, { method: 'POST', headers, body });
    return `${response.status} ${await response.text()}`;
  };

  test.each([
    ['a seal that is null', { ...openai, sealed: null }, /^400 .*"seal_required"/],
    ['an empty seal', { ...openai, sealed: {} }, /^401 .*"seal_invalid"/],
    ['a seal that is no object', { ...openai, sealed: false }, /^400 .*sealed/],
    ['a seal with a field of its own', { ...openai, sealed: { version: 1, user: 'x' } }, /^400 .*sealed\.user/],
    ['a number as text', { ...openai, sealed: { version: '1' } }, /^400 .*sealed\.version/],
    ['a time beyond 32 bits', { ...openai, sealed: { issued_at: 2 ** 32 } }, /^400 .*sealed\.issued_at/],
    ['a time below 0', { ...openai, sealed: { issued_at: -1 } }, /^400 .*sealed\.issued_at/],
  ])('JSON with %s', async (_name, body, told) => {
    expect(await post('/v1/chat/completions', 'application/json', JSON.stringify(body))).toMatch(told);
  });

  test("Connect's JSON, with an empty seal too; and its GET", async () => {
    expect(await post(rpc, 'application/json', message)).toMatch(/^400 .*must be sealed/);
    expect(await post(rpc, 'application/json', message.replace('{', '{"sealed":null,'))).toMatch(
      /^400 .*must be sealed/,
    );
    expect(await post(rpc, 'application/json', message.replace('{', '{"sealed":{},'))).toMatch(/^401 .*not valid/);
    const query = new URLSearchParams({ encoding: 'json', connect: 'v1', message });
    const response = await fetch(`${gateway.url}${rpc}?${query}`);
    expect([response.ok, (await response.text()).includes('choices')]).toEqual([false, false]);
  });

  test('a nonce is good once, over all ways in and all processes', async () => {
    for (const surface of surfaces) {
      const sealed = await surface.seal(true, model);
      const reasons = await Promise.all(
        Array.from({ length: 20 }, async () => (await surface.send(gateway.url, true, sealed)).reason),
      );
      expect(reasons.sort()).toEqual(['', ...Array.from({ length: 19 }, () => 'SEAL_REPLAYED')]);
    }
  });
});
