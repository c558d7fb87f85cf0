import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../support/gateway.ts';

// While a model thinks, a streamed JSON answer is kept open by comments, where `server.sse_ping` says so.

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(`
server: { sse_ping: 50ms }
providers: { sim: { type: simulator } }
balancer: { timeouts: { first_token: 400ms } }
`);
});
afterAll(() => gateway?.stop());

const ask = async (model: string) => {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'Hello' }] }),
  });
  return { status: response.status, text: await response.text() };
};

test('comments come before the first token, and between events that are far apart', async () => {
  const { status, text } = await ask('sim/sim:ttft=250,tokens=2,tps=5');
  expect(status).toBe(200);
  expect(text).toMatch(/^: ping\n\n(: ping\n\n)+data: \{/);
  expect(text).toMatch(/data: \{[^\n]+\n\n: ping\n\n/);
  expect(text).toMatch(/data: \[DONE\]\n\n$/);
  for (const event of text.split('\n\n').slice(0, -1)) expect(event).toMatch(/^(: ping|data: .+)$/);
});

test('a failure after them is an event, without [DONE]', async () => {
  const { status, text } = await ask('sim/sim:ttft=60s');
  expect(status).toBe(200);
  expect(text).toMatch(/data: \{"error":\{.*"code":"provider_timeout"\}.*\n\n$/);
  expect(text).not.toContain('[DONE]');
});
