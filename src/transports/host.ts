import type { IncomingMessage } from 'node:http';
import { Fault } from '../kernel/fault.ts';

const authority = /^https?:\/\/[^/?#]*/i;

/** A request target as paths are looked up: `http://host/path` is `/path` (RFC 9112, section 3.2.2). */
export function originForm(target: string): string {
  const rest = target.replace(authority, '');
  return rest === target || rest.startsWith('/') ? rest : `/${rest}`;
}

/** What is wrong with the Host header of an HTTP/1 request: 1.1 has exactly one, 1.0 one at most (RFC 9112, section 3.2). */
export function hostFault({ rawHeaders, httpVersionMinor }: IncomingMessage): Fault | undefined {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  if (hosts === 1 || (hosts === 0 && httpVersionMinor === 0)) return undefined;
  return new Fault('FIELD_INVALID', 'the request needs exactly one Host header');
}
