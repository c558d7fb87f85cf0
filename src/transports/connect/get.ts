import { base64Decode } from '@bufbuild/protobuf/wire';
import type { HandlerContext } from '@connectrpc/connect';
import { Fault } from '../../kernel/fault.ts';

/**
 * Refuses a GET whose message is not the base64 that it says it is (Connect protocol, "Unary-Get-Request"): connect-es
 * decodes it by the same rules, and takes its own failure for the server's.
 */
export function checkGet({ requestMethod, url }: HandlerContext): void {
  if (requestMethod !== 'GET') return;
  const query = new URL(url).searchParams;
  if (query.get('base64') !== '1') return;
  try {
    base64Decode(query.get('message') ?? '');
  } catch {
    throw new Fault('BODY_INVALID', 'the message in the query is not valid base64');
  }
}
