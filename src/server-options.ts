import ipaddr from 'ipaddr.js';
import { readTls } from './certificate.ts';
import type { GatewayConfig } from './config/gateway-config.ts';
import type { ServerOptions } from './transports/parts.ts';

/** The server's options as the configuration has them; reads the TLS files. */
export function serverOptions({ server, security }: GatewayConfig): ServerOptions {
  const tls = readTls(server.tls);
  return {
    host: server.host,
    port: server.port,
    ...(tls && { tls }),
    maxRequestBytes: server.max_request_bytes,
    maxHeaderBytes: server.max_header_bytes,
    maxConcurrentStreams: server.max_concurrent_streams,
    headersTimeoutMs: server.headers_timeout,
    requestTimeoutMs: server.request_timeout,
    stalledReaderMs: server.stalled_reader_timeout,
    ssePingMs: server.sse_ping,
    keepAliveTimeoutMs: server.keepalive_timeout,
    drainTimeoutMs: server.drain_timeout,
    reflection: server.reflection,
    lanes: server.lanes,
    trustedProxies: security.trusted_proxies.map((network) => ipaddr.parseCIDR(network)),
    cors: { origins: server.cors.origins, maxAgeSeconds: Math.floor(server.cors.max_age / 1000) },
  };
}
