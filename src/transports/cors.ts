import type { ServerRequest, ServerResponse } from './listener.ts';
import type { CorsOptions } from './parts.ts';

/** Reply headers that a page of another origin may read, on every surface. */
const exposed = [
  'grpc-status',
  'grpc-message',
  'grpc-status-details-bin',
  'content-encoding',
  'connect-content-encoding',
  'x-request-id',
  'traceparent',
  'retry-after',
  'x-ratelimit-limit-requests',
  'x-ratelimit-limit-tokens',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-remaining-tokens',
  'x-ratelimit-reset-requests',
  'x-ratelimit-reset-tokens',
  'x-llmbridge-provider',
  'x-llmbridge-model',
  'x-llmbridge-parameters',
  'x-llmbridge-cache',
  'age',
  'x-provider-request-id',
] as const;

const headerNames = /^[\w!#$%&'*+.^`|~-]+(?:\s*,\s*[\w!#$%&'*+.^`|~-]+)*$/;

/**
 * Cross-origin rules (Fetch standard, section 3.2), the same for every surface. Returns a function that sets the
 * reply's headers, and answers it whole if the request is a preflight: true then. Pages of an allowed origin may send
 * whatever headers they ask for, since SDKs and protocols add their own; credentials in cookies are never allowed.
 */
export function createCors(options: CorsOptions): (request: ServerRequest, response: ServerResponse) => boolean {
  const any = options.origins.includes('*');
  const origins = new Set(options.origins);
  const exposedText = [...exposed, ...(options.exposedHeaders ?? [])].join(', ');
  const maxAge = String(options.maxAgeSeconds ?? 7_200);

  return (request, response) => {
    const origin = request.headers.origin;
    if (origin === undefined) return false;
    const allowed = any || origins.has(origin);
    if (options.origins.length > 0) response.setHeader('vary', 'origin');
    if (allowed) response.setHeader('access-control-allow-origin', any ? '*' : origin);
    const preflight = request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined;
    if (!preflight) {
      if (allowed) response.setHeader('access-control-expose-headers', exposedText);
      return false;
    }
    if (allowed) {
      response.setHeader('access-control-allow-methods', 'GET, POST');
      response.setHeader('access-control-max-age', maxAge);
      const wanted = request.headers['access-control-request-headers'];
      if (wanted !== undefined && headerNames.test(wanted)) {
        response.setHeader('access-control-allow-headers', wanted);
        response.setHeader('vary', 'origin, access-control-request-headers');
      }
    }
    response.writeHead(204);
    response.end();
    return true;
  };
}
