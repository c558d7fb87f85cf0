import type { IncomingMessage } from 'node:http';
import { Fault } from '../kernel/fault.ts';

const authority = /^https?:\/\/([^/?#]*)/i;

/** A request target as paths are looked up: `http://host/path` is `/path` (RFC 9112, section 3.2.2). */
export function originForm(target: string): string {
  const rest = target.replace(authority, '');
  return rest === target || rest.startsWith('/') ? rest : `/${rest}`;
}

const invalid = (message: string) => new Fault('FIELD_INVALID', message);

/**
 * What is wrong with the head of an HTTP/1 request that Node's parser took, and that another one on its way may have taken
 * otherwise: 1.1 has exactly one Host, 1.0 one at most (RFC 9112, section 3.2), and it is that of an absolute target; the
 * one transfer coding served is chunked (section 7); nothing after version 1 comes in this form.
 */
export function headFault({ rawHeaders, httpVersion, headers, url }: IncomingMessage): Fault | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return invalid('the request is not valid HTTP/1.1');
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) return invalid('the request needs exactly one Host header');
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    return invalid('the only transfer-encoding served is chunked');
  const named = url?.startsWith('/') === false ? authority.exec(url)?.[1] : undefined;
  if (named !== undefined && hosts === 1 && named.toLowerCase() !== headers.host?.toLowerCase())
    return invalid('the request names one host in its target and another in its Host header');
  return undefined;
}
