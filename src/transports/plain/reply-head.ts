import { type OutgoingHttpHeaders, STATUS_CODES } from 'node:http';

/** What may not stand in a field's value (RFC 9110, section 5.5). */
const forbidden = /[^\t\x20-\x7e\x80-\xff]/;

let second = 0;
let dateLine = '';

/** Made anew once a second. */
function dateNow(): string {
  const now = Math.floor(Date.now() / 1_000);
  if (now !== second) {
    second = now;
    dateLine = `Date: ${new Date(now * 1_000).toUTCString()}\r\n`;
  }
  return dateLine;
}

/**
 * The head of a reply, as node:http writes it; chunked where no length is told. `ending` are the lines about the connection.
 * Throws where a value would break out of its line.
 */
export function replyHead(status: number, headers: OutgoingHttpHeaders, ending: string): string {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined) continue;
    const written = typeof value === 'string' ? value : String(value);
    if (forbidden.test(written)) throw new Error(`the reply's ${name} is no value of a field`);
    text += `${name}: ${written}\r\n`;
  }
  const framing = headers['content-length'] === undefined ? 'Transfer-Encoding: chunked\r\n' : '';
  return `${text}${dateNow()}${ending}${framing}\r\n`;
}
