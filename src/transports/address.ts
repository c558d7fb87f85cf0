import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** A network: its address and how many leading bits count. Made by `ipaddr.parseCIDR`. */
export type Cidr = ReturnType<typeof ipaddr.parseCIDR>;

/**
 * The caller's address: the socket's, or, behind trusted proxies, the rightmost one of x-forwarded-for that is not a
 * trusted proxy itself. IPv4 addresses in IPv6 form are told as IPv4. An entry that is no address ends the search, as
 * nothing left of it can be believed.
 */
export function callerAddress(
  socketAddress: string,
  forwardedFor: string | string[] | undefined,
  trusted: readonly Cidr[],
): string {
  let address = plain(socketAddress) ?? socketAddress;
  if (trusted.length === 0 || forwardedFor === undefined) return address;
  const hops = (Array.isArray(forwardedFor) ? forwardedFor.join(',') : forwardedFor).split(',');
  while (isTrusted(address, trusted)) {
    const hop = hops.pop();
    const next = hop === undefined ? undefined : plain(withoutPort(hop.trim()));
    if (next === undefined) break;
    address = next;
  }
  return address;
}

/** Canonical text of an address, undefined if it is none. */
function plain(text: string): string | undefined {
  // The usual socket address needs no parsing.
  if (isIPv4(text)) return text;
  if (text.startsWith('::ffff:') && ipaddr.IPv4.isValidFourPartDecimal(text.slice(7))) return text.slice(7);
  // ipaddr.js would take `0x7f.1` for an address, too.
  return isIPv6(text) && ipaddr.isValid(text) ? ipaddr.process(text).toString() : undefined;
}

const bracketed = /^\[(.*)\](?::\d+)?$/;
const withPort = /^([\d.]+):\d+$/;

const withoutPort = (text: string): string => bracketed.exec(text)?.[1] ?? withPort.exec(text)?.[1] ?? text;

function isTrusted(text: string, trusted: readonly Cidr[]): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  return trusted.some(([network, bits]) => address.kind() === network.kind() && address.match(network, bits));
}
