import { afterAll, beforeAll, expect, test } from 'vitest';
import { browserCaller, type OpenPage, openPage } from '../clients/browser.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { suite } from '../support/parts.ts';

// What only a browser shows: its own rules about other origins.

const question = { model: 'sim/sim:tokens=1000,tps=50', content: 'Hello', maxTokens: 2000 };

suite('a page of another origin', ['chromium'], () => {
  let page: OpenPage;
  beforeAll(async () => {
    page = await openPage();
  });
  afterAll(() => page?.close());

  async function withGateway(origins: string, use: (gateway: TestGateway) => Promise<void>): Promise<void> {
    const gateway = await startGateway(
      `server: { cors: { origins: [${origins}] } }\nproviders: { sim: { type: simulator, models: [sim] } }`,
    );
    try {
      await use(gateway);
    } finally {
      await gateway.stop();
    }
  }

  test.each(['connect', 'grpc-web'] as const)('is refused over %s unless it is named', (protocol) =>
    withGateway('"http://elsewhere.example"', async (gateway) => {
      const connection = await browserCaller(protocol, () => page).connect(gateway.port);
      const { failure, text } = await connection.ask('chat', { ...question, model: 'sim' });
      expect(text).toBe('');
      expect(failure).toBeDefined();
      expect(gateway.log.filter(({ msg, outcome }) => msg === 'call' && outcome === 'ok')).toEqual([]);
    }),
  );

  test.each(['connect', 'grpc-web'] as const)('cancels a stream over %s', (protocol) =>
    withGateway(`"${page.origin}"`, async (gateway) => {
      const connection = await browserCaller(protocol, () => page).connect(gateway.port);
      const { failure, pieces } = await connection.ask('cancel', question);
      expect(pieces).toBeGreaterThanOrEqual(3);
      expect(failure?.code).toBe('CANCELLED');
      const limit = AbortSignal.timeout(5_000);
      while (!gateway.log.some(({ outcome }) => outcome === 'CANCELLED')) {
        limit.throwIfAborted();
        await new Promise((resolve) => setImmediate(resolve));
      }
    }),
  );

  test('reads what the OpenAI-shaped surface streams, and its own headers', () =>
    withGateway('"*"', async (gateway) => {
      const seen = await page.page.evaluate(async (url) => {
        const response = await fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: 'Bearer sk-unused' },
          body: JSON.stringify({
            model: 'sim',
            stream: true,
            max_tokens: 3,
            messages: [{ role: 'user', content: 'Hello' }],
          }),
        });
        return { id: response.headers.get('x-request-id'), text: await response.text() };
      }, `${gateway.url}/v1/chat/completions`);
      expect(seen.id).toMatch(/./);
      expect(seen.text).toMatch(/data: \[DONE\]\n\n$/);
    }));
});
