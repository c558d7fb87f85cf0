import type { Call } from '../kernel/call.ts';
import { Fault } from '../kernel/fault.ts';
import { hostOf, isLoopback } from './loopback.ts';

export interface OriginCheckOptions {
  /** Names, with or without a port, by which this machine may be called beside the loopback ones. */
  readonly allowedHosts: readonly string[];
  /** Origins that CORS lets in, '*' for all. */
  readonly corsOrigins: readonly string[];
}

const quoted = (text: string) => JSON.stringify(text.slice(0, 100));

/**
 * Keeps web pages off a port that asks for no credential: a page that has its own name resolve to this machine (DNS
 * rebinding) is told by `Host`, a page of another site by `Origin`. Throws ORIGIN_FORBIDDEN.
 */
export function createOriginCheck({ allowedHosts, corsOrigins }: OriginCheckOptions): (call: Call) => void {
  const hosts = new Set(allowedHosts.map((host) => host.toLowerCase()));
  const origins = new Set(corsOrigins);
  const anyOrigin = origins.has('*');
  // Callers say the same few hosts over and over.
  let lastHost: string | undefined;

  const checkHost = (host: string) => {
    if (host === lastHost) return;
    const name = hostOf(host);
    if (name === undefined || !(isLoopback(name) || hosts.has(name) || hosts.has(host.toLowerCase()))) {
      throw new Fault(
        'ORIGIN_FORBIDDEN',
        `this port takes calls without a credential only under a name of this machine, not ${quoted(host)}`,
      );
    }
    lastHost = host;
  };

  const checkOrigin = (origin: string) => {
    if (anyOrigin || origins.has(origin)) return;
    const scheme = origin.indexOf('://');
    const name = scheme < 0 ? undefined : hostOf(origin.slice(scheme + 3));
    if (name === undefined || !(isLoopback(name) || hosts.has(name))) {
      throw new Fault(
        'ORIGIN_FORBIDDEN',
        `pages of ${quoted(origin)} may not call this gateway: CORS does not name that origin`,
      );
    }
  };

  return (call) => {
    // No browser leaves Host out, so what comes without one is no page.
    const host = call.header('host');
    if (host !== undefined) checkHost(host);
    const authority = call.header(':authority');
    if (authority !== undefined) checkHost(authority);
    const origin = call.header('origin');
    if (origin !== undefined) checkOrigin(origin);
  };
}
