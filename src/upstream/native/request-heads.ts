import type { HttpRequest } from '../../kernel/upstream.ts';

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const plain = /^[\t\x20-\x7e\x80-\xff]*$/;
const target = /^\/[\x21-\x7e]*$/;
/** They belong to the connection, or to what the gateway is to say about the body. */
const notTheCallers =
  /^(?:connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|content-length|upgrade|expect)$/i;
const kept = 8;

interface Fields {
  readonly names: readonly string[];
  readonly values: readonly string[];
  readonly text: string;
}

/**
 * Request heads of one origin, but for their content-length. The same few sets of headers are sent over and over:
 * they are checked and written once.
 */
export class RequestHeads {
  readonly #host: string;
  readonly #known: Fields[] = [];
  #oldest = 0;

  /** `host` as the URL has it: with the port where it is not the scheme's own. */
  constructor(host: string) {
    this.#host = host;
  }

  /** The head up to where content-length goes; undefined where something in it is not HTTP's. Latin-1. */
  of({ method, path, headers }: HttpRequest): string | undefined {
    const fields = this.#find(headers) ?? this.#write(headers);
    return fields === undefined || !target.test(path) ? undefined : `${method} ${path} HTTP/1.1\r\n${fields.text}`;
  }

  #find(headers: HttpRequest['headers']): Fields | undefined {
    for (const fields of this.#known) if (isSame(fields, headers)) return fields;
    return undefined;
  }

  #write(headers: HttpRequest['headers']): Fields | undefined {
    const names = Object.keys(headers);
    const values = names.map((name) => headers[name] as string);
    let text = `host: ${headers['host'] ?? this.#host}\r\nconnection: keep-alive\r\n`;
    for (const [i, name] of names.entries()) {
      const value = values[i] as string;
      if (!token.test(name) || notTheCallers.test(name) || !plain.test(value)) return undefined;
      if (name !== 'host') text += `${name}: ${value}\r\n`;
    }
    // The decoders read plain bytes; a compressed stream also comes in lumps.
    if (headers['accept-encoding'] === undefined) text += 'accept-encoding: identity\r\n';
    if (headers['user-agent'] === undefined) text += 'user-agent: llm-bridge\r\n';
    const fields = { names, values, text: Buffer.from(text, 'latin1').toString('latin1') };
    this.#known[this.#oldest] = fields;
    this.#oldest = (this.#oldest + 1) % kept;
    return fields;
  }
}

function isSame({ names, values }: Fields, headers: HttpRequest['headers']): boolean {
  let i = 0;
  for (const name in headers) if (names[i] !== name || values[i++] !== headers[name]) return false;
  return i === names.length;
}
