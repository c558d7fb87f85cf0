import type { OutgoingHttpHeaders } from 'node:http';
import type { SurfaceResponse } from '../surface-io.ts';

/** Characters after which what was gathered is written though more may come in the same turn. */
const mostGathered = 64 * 1024;

/**
 * The body of a stream of events. What is written within one turn of the event loop goes out in one piece: providers'
 * chunks arrive several at once, and each write to a socket costs more than all else that is done for its chunk. Over
 * HTTP/1.1 it frames the chunks itself, since Node would make three writes of each.
 */
export class EventStream {
  readonly #response: SurfaceResponse;
  readonly #head: () => OutgoingHttpHeaders;
  #gathered = '';
  #scheduled = false;
  #framed = false;

  /** `head` is asked for when the first event is written. */
  constructor(response: SurfaceResponse, head: () => OutgoingHttpHeaders) {
    this.#response = response;
    this.#head = head;
  }

  /** Whether the head has gone out. */
  get begun(): boolean {
    return this.#response.headersSent;
  }

  /** Whether the caller has not read what was written before. */
  get blocked(): boolean {
    return this.#response.writableNeedDrain;
  }

  /** Makes the head final. */
  begin(): void {
    const response = this.#response;
    if (response.headersSent) return;
    response.writeHead(200, this.#head());
    if (response.chunkedEncoding !== true) return;
    response.chunkedEncoding = false;
    this.#framed = true;
  }

  /** Takes the text of events; false where the caller should not be sent more before it has read. */
  write(text: string): boolean {
    this.#gathered += text;
    if (this.#gathered.length >= mostGathered) this.#flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(this.#turned);
    }
    return !this.#response.writableNeedDrain;
  }

  /** Writes the last events, and ends the body. */
  end(text: string): void {
    const last = this.#gathered + text;
    this.#gathered = '';
    this.#response.end(this.#framed ? `${last === '' ? '' : chunk(last)}0\r\n\r\n` : last);
  }

  readonly #turned = (): void => {
    this.#scheduled = false;
    this.#flush();
  };

  #flush(): void {
    const text = this.#gathered;
    if (text === '' || this.#response.destroyed) return;
    this.#gathered = '';
    this.#response.write(this.#framed ? chunk(text) : text);
  }
}

/** A chunk of RFC 9112, section 7.1. */
const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
