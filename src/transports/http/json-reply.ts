import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { SurfaceRequest, SurfaceResponse } from '../surface-io.ts';

/** On every reply: it is data, for no browser to guess at, frame or keep. */
export const replyDefaults = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const;

/** Smaller texts are not worth compressing. */
const worthwhile = 1024;

const gzipAsync = promisify(gzip);
const brotliAsync = promisify(brotliCompress);

/** Sends a whole text, compressed where the caller takes that and it pays. HEAD gets the headers alone. */
export function sendText(
  request: SurfaceRequest,
  response: SurfaceResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string,
): void {
  const length = Buffer.byteLength(text);
  const coding = length < worthwhile ? undefined : codingOf(request.headers['accept-encoding']);
  if (coding === undefined) {
    // As text: Node writes head and body in one piece then.
    send(request, response, status, headers, text, length);
    return;
  }
  const body = Buffer.from(text);
  const compressed =
    coding === 'br'
      ? brotliAsync(body, {
          params: { [constants.BROTLI_PARAM_QUALITY]: 3, [constants.BROTLI_PARAM_SIZE_HINT]: body.length },
        })
      : gzipAsync(body, { level: 3 });
  // Compression of a buffer in memory fails only when memory does; the text as it is then serves as well.
  compressed.then(
    (bytes) => send(request, response, status, { ...headers, 'content-encoding': coding }, bytes, bytes.length),
    () => send(request, response, status, headers, body, length),
  );
}

function send(
  request: SurfaceRequest,
  response: SurfaceResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array,
  length: number,
): void {
  // The caller may have gone while the body was made; there is nobody to write to then.
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, {
    ...replyDefaults,
    'cache-control': 'no-store',
    ...headers,
    'content-length': length,
  });
  if (request.method === 'HEAD') response.end();
  else response.end(body);
}

/** The best coding that an Accept-Encoding header allows (RFC 9110, section 12.5.3), of those made here. */
function codingOf(header: string | string[] | undefined): 'br' | 'gzip' | undefined {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  if (text === '') return undefined;
  const weights = new Map<string, number>();
  for (const item of text.split(',')) {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    weights.set(name, weight === undefined ? 1 : Number(weight.slice(2)) || 0);
  }
  const wildcard = weights.get('*') ?? 0;
  const br = weights.get('br') ?? wildcard;
  const gz = weights.get('gzip') ?? wildcard;
  if (br <= 0 && gz <= 0) return undefined;
  return br >= gz ? 'br' : 'gzip';
}
