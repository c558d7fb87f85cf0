import ipaddr from 'ipaddr.js';

/** Whether a name or address always means this machine: 'localhost' and names under it (RFC 6761), 127.0.0.0/8, ::1. */
export function isLoopback(host: string): boolean {
  const name = (host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host).toLowerCase();
  const bare = name.endsWith('.') ? name.slice(0, -1) : name;
  if (bare === 'localhost' || bare.endsWith('.localhost')) return true;
  // Only the plain notation: browsers turn '0x7f.1' into it before they send it.
  if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return ipaddr.IPv4.parse(bare).range() === 'loopback';
  if (!ipaddr.IPv6.isValid(bare)) return false;
  const address = ipaddr.IPv6.parse(bare);
  return address.isIPv4MappedAddress()
    ? address.toIPv4Address().range() === 'loopback'
    : address.range() === 'loopback';
}

const authority = /^(\[[^\]]*\]|[^:[\]/@?#]*)(?::(\d{0,5}))?$/;

/** The host of 'host', 'host:port' or '[address]:port', in lower case; undefined for what is none of these. */
export const hostOf = (text: string): string | undefined => authority.exec(text)?.[1]?.toLowerCase();
