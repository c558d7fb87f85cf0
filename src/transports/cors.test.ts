import { afterEach, describe, expect, it } from 'vitest';
import { chat, unaryPath } from '../../test/support/chat.ts';
import { openPort, type Port } from '../../test/support/port.ts';
import type { CorsOptions } from './parts.ts';

let port: Port | undefined;
afterEach(() => port?.server.close());
const page = 'https://app.example';

async function ask(cors: CorsOptions, origin: string, preflight: boolean): Promise<Response> {
  port = await openPort(chat({}), { cors });
  return fetch(`${port.url}${unaryPath}`, {
    method: preflight ? 'OPTIONS' : 'POST',
    headers: preflight
      ? {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type,grpc-timeout,x-grpc-web,x-stainless-lang',
        }
      : { origin, 'content-type': 'application/json' },
    ...(preflight ? {} : { body: '{}' }),
  });
}

describe.each([true, false])('preflight: %s', (preflight) => {
  it('names no origin by default', async () => {
    const { headers } = await ask({ origins: [] }, page, preflight);
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('access-control-allow-headers')).toBeNull();
  });

  it('names an allowed origin, and none but it', async () => {
    const { headers } = await ask({ origins: [page] }, page, preflight);
    expect(headers.get('access-control-allow-origin')).toBe(page);
    expect(headers.get('vary')).toContain('origin');
    expect(headers.get('access-control-allow-credentials')).toBeNull();
    await port?.server.close();
    const other = await ask({ origins: [page] }, 'https://evil.example', preflight);
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
    expect(other.headers.get('vary')).toContain('origin');
  });

  it('takes any origin where told to', async () => {
    const { headers } = await ask({ origins: ['*'] }, page, preflight);
    expect(headers.get('access-control-allow-origin')).toBe('*');
  });
});

it('allows what a page asks to send', async () => {
  const { status, headers } = await ask({ origins: [page], maxAgeSeconds: 60 }, page, true);
  expect(status).toBe(204);
  expect(headers.get('access-control-allow-headers')).toContain('x-stainless-lang');
  expect(headers.get('access-control-allow-methods')).toContain('POST');
  expect(headers.get('access-control-max-age')).toBe('60');
});

it('lets a page read status and ids', async () => {
  const { status, headers } = await ask({ origins: [page], exposedHeaders: ['x-own'] }, page, false);
  expect(status).toBe(200);
  const exposed = headers.get('access-control-expose-headers') ?? '';
  for (const name of ['grpc-status', 'grpc-message', 'grpc-status-details-bin', 'x-request-id', 'x-own']) {
    expect(exposed).toContain(name);
  }
  expect(headers.get('x-request-id')).not.toBeNull();
});
