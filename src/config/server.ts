import { z } from 'zod';
import { readableFile } from './readable-file.ts';
import { duration, size } from './units.ts';

const tls = z
  .strictObject({
    cert: readableFile.optional().describe("PEM file of the server's certificate chain."),
    key: readableFile.optional().describe('PEM file of its private key.'),
    client_ca: readableFile.optional().describe('PEM file of the authorities that client certificates are checked by.'),
  })
  .superRefine((group, context) => {
    if ((group.cert === undefined) !== (group.key === undefined))
      context.addIssue('cert and key belong together: set both, or neither');
    else if (group.client_ca !== undefined && group.cert === undefined)
      context.addIssue('client_ca needs cert and key');
  });

const origin = z.string().refine((text) => text === '*' || /^https?:\/\/[^/\s]+$/.test(text), {
  error: 'must be an origin such as https://app.example.com, or *',
});

const cors = z.strictObject({
  origins: z
    .array(origin)
    .default([])
    .describe('Browser origins that may call. Empty: none; `*`: any, without credentials.'),
  max_age: duration.prefault('2h').describe('How long a browser may keep the answer to a preflight.'),
});

export const server = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
  port: z.int().min(0).max(65_535).default(8080).describe('The one port; 0 takes a free one.'),
  workers: z
    .union([z.literal('auto'), z.int().min(1).max(256)], { error: 'must be auto, or a number from 1 to 256' })
    .default(1)
    .describe('Processes that share the port; auto: one for each core.'),
  tls: tls.prefault({}).describe('TLS for the port; cleartext without it.'),
  cors: cors.prefault({}).describe('Cross-origin calls from browsers.'),
  reflection: z.boolean().default(true).describe('Whether gRPC reflection is served.'),
  lanes: z
    .boolean()
    .default(true)
    .describe(
      'Whether usual calls take the fast lane of their kind; off, connect-es serves every RPC, and node:http all HTTP/1.1.',
    ),
  max_request_bytes: size.prefault('10MiB').describe('Largest request body, after decompression too.'),
  max_header_bytes: size.prefault('16KiB').describe('Largest set of request headers.'),
  max_concurrent_streams: z.int().min(1).default(1000).describe('Calls at once on one HTTP/2 connection.'),
  headers_timeout: duration.prefault('10s').describe("How long a connection may take to send a request's headers."),
  request_timeout: duration.prefault('60s').describe('How long a caller may take to send a whole request.'),
  stalled_reader_timeout: duration
    .prefault('120s')
    .describe('How long a caller may leave its answer unread before it is cut off.'),
  sse_ping: duration
    .prefault('0')
    .describe(
      'Silence in a streamed JSON answer after which a comment is sent, so that proxies keep it open; 0: never.',
    ),
  keepalive_timeout: duration.prefault('75s').describe('How long an idle connection stays open.'),
  reload_interval: duration
    .prefault('5s')
    .describe(
      'Time between two looks at this file and those that it names, for new keys and certificates; 0: on SIGHUP only.',
    ),
  drain_timeout: duration.prefault('25s').describe('How long calls in flight may take to finish after SIGTERM.'),
});
