import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import { part } from '../support/parts.ts';
import type { ask, askSealed, BrowserProtocol } from './browser/page.ts';
import type { Caller } from './caller.ts';

/** As a container's root, and with every request of the browser's own switched off. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A page in headless Chromium, on an origin of its own. */
export interface OpenPage {
  readonly page: Page;
  readonly origin: string;
  close(): Promise<void>;
}

async function script(): Promise<string> {
  const bundle = await rolldown({ input: join(import.meta.dirname, 'browser/page.ts'), logLevel: 'silent' });
  const { output } = await bundle.generate({ format: 'iife', name: 'gateway' });
  await bundle.close();
  return output[0].code;
}

/** Serves the page and opens it. Needs the part `chromium`. */
export async function openPage(): Promise<OpenPage> {
  const code = await script();
  const site = createServer((request, response) => {
    if (request.url === '/page.js') {
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(code);
    } else if (request.url === '/') {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><script src="/page.js"></script>');
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  const browser = await chromium.launch({ executablePath: part('chromium'), args: flags });
  const page = await browser.newPage();
  await page.goto(`${origin}/`);
  return {
    page,
    origin,
    async close() {
      await browser.close();
      site.closeAllConnections();
      site.close();
    },
  };
}

/** The global that the page's script makes. */
declare const gateway: { ask: typeof ask; askSealed: typeof askSealed };

/** @connectrpc/connect-web in a page of another origin. `opened` tells which page, once it is there. */
export function browserCaller(protocol: BrowserProtocol, opened: () => OpenPage): Caller {
  return {
    name: `@connectrpc/connect-web, ${protocol}, in Chromium`,
    needs: ['chromium'],
    async connect(port) {
      return {
        ask: (mode, question) =>
          opened().page.evaluate(([protocol, url, mode, question]) => gateway.ask(protocol, url, mode, question), [
            protocol,
            `http://127.0.0.1:${port}`,
            mode,
            question,
          ] as const),
        close() {},
      };
    },
  };
}

/** A sealed call from the page. */
export const askSealedIn = ({ page }: OpenPage, ...asked: Parameters<typeof askSealed>): Promise<string> =>
  page.evaluate((each) => gateway.askSealed(...each), asked);
