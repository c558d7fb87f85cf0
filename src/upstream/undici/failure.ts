import type { UpstreamFailure } from '../../kernel/upstream.ts';

/**
 * Tells how an exchange failed from undici's or Node's error.
 * @param sent whether the request was written to a connection
 * @param headSeen whether the answer's head had come
 */
export function failureOf(error: unknown, sent: boolean, headSeen: boolean): UpstreamFailure {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  const text = typeof message === 'string' ? message : '';
  // The parser's error for a body that the end of the connection cut short; its `code` is unset in undici 8.12.
  if (text.includes('Invalid EOF state')) return 'reset';
  if (typeof code !== 'string') return sent ? 'protocol' : 'connect';
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') return 'protocol';
  if (!sent) return 'connect';
  switch (code) {
    // A short body when the connection ended, but also a head that breaks off after its content-length.
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return headSeen ? 'reset' : 'protocol';
    // 'bad response' and 'bad upgrade' are what came out of turn; the others are broken connections.
    case 'UND_ERR_SOCKET':
      return text.startsWith('bad ') ? 'protocol' : 'reset';
    default:
      return code.startsWith('UND_ERR_') ? 'protocol' : 'reset';
  }
}
