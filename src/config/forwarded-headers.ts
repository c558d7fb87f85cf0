import { z } from 'zod';

/** What describes one connection or one body, and so is never true of another. */
const ownToEachHop = /^(?:connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|host|proxy-.*|content-.*)$/;
const secrets =
  /(?:^|-)(?:api-?keys?|tokens?|secrets?|passwords?|authorization|credentials?|signature|cookie2?)(?:$|-)/;
const addresses = /^(?:forwarded|via|x-forwarded-.*|x-real-ip|x-amz-.*)$/;
/** The gateway's own, and those of the protocols that it speaks. */
const internal = /^(?:x-llmbridge-.*|x-provider-.*|grpc-.*|connect-.*|x-grpc-web|accept|accept-encoding)$/;
const told = /^(?:retry-after(?:-ms)?|x-should-retry|x-request-id|traceparent|tracestate|set-cookie|www-authenticate)$/;
const aboutTheReply = /^(?:access-control-.*|location|server|date|alt-svc|vary|strict-transport-security|status)$/;
const limits = /ratelimit-/;

const name = (...forbidden: readonly RegExp[]) =>
  z
    .string()
    .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'must be an HTTP header name' })
    .transform((text) => text.toLowerCase())
    .refine((text) => !text.endsWith('-bin') && !forbidden.some((pattern) => pattern.test(text)), {
      error: 'must not be a header of credentials, of one connection or body, or of the gateway itself',
    });

/** Headers that pass through the gateway: none of them may change who calls, what is sent, or what the gateway says. */
export const forwardedHeaders = z
  .strictObject({
    request: z
      .array(name(ownToEachHop, secrets, addresses, internal))
      .default([])
      .describe("Headers of the caller's that the provider gets."),
    response: z
      .array(name(ownToEachHop, secrets, addresses, internal, told, aboutTheReply, limits))
      .default([])
      .describe("Headers of the provider's that the caller gets, beside its limits and request id (`x-provider-*`)."),
  })
  .optional()
  .describe('Headers that pass through; those of credentials, connections and bodies never do.');
