import type { OutgoingHttpHeaders } from 'node:http';
import type { SurfaceResponse } from '../surface-io.ts';
import { replyHead } from './reply-head.ts';

/** What a response asks of its connection. */
export interface ReplyWire {
  readonly needDrain: boolean;
  /** The lines about the connection in the head of the reply that begins now. */
  readonly ending: string;
  /** Writes both in one piece; false where the caller should read first. `ascii`: the body has no other characters. */
  send(head: string, body: string | Uint8Array, ascii: boolean): boolean;
  /** The last byte was sent. */
  ended(): void;
  cut(): void;
}

/** The reply to a plain request. Once it is closed it takes what is written as nothing, whoever the connection serves by then. */
export class PlainResponse implements SurfaceResponse {
  headersSent = false;
  writableEnded = false;
  writableFinished = false;
  /** Whether chunks are to be framed: by whoever writes, see `EventStream`. */
  chunkedEncoding = false;
  #wire: ReplyWire | undefined;
  #head = '';
  #length: number | undefined;
  readonly #closed: (() => void)[] = [];
  #drained: (() => void)[] = [];

  constructor(wire: ReplyWire) {
    this.#wire = wire;
  }

  get destroyed(): boolean {
    return this.#wire === undefined;
  }

  get writableNeedDrain(): boolean {
    return this.#wire?.needDrain ?? false;
  }

  writeHead(status: number, headers: OutgoingHttpHeaders): void {
    if (this.headersSent) throw new Error('the head of the reply was sent before');
    const length = headers['content-length'];
    const head = replyHead(status, headers, this.#wire?.ending ?? '');
    this.headersSent = true;
    this.#head = head;
    this.#length = length === undefined ? undefined : Number(length);
    this.chunkedEncoding = length === undefined;
  }

  write(data: string | Uint8Array): boolean {
    const wire = this.#wire;
    if (wire === undefined || this.writableEnded) return false;
    if (this.chunkedEncoding) throw new Error('the body of the reply is not framed');
    const head = this.#head;
    if (head === '' && data.length === 0) return true;
    this.#head = '';
    return wire.send(head, data, data.length === this.#length);
  }

  end(data: string | Uint8Array = ''): void {
    const wire = this.#wire;
    if (wire === undefined || this.writableEnded) return;
    this.write(data);
    this.writableEnded = true;
    wire.ended();
  }

  destroy(): void {
    this.#wire?.cut();
  }

  once(event: 'close' | 'drain', listener: () => void): void {
    (event === 'close' ? this.#closed : this.#drained).push(listener);
  }

  off(event: 'close' | 'drain', listener: () => void): void {
    const listeners = event === 'close' ? this.#closed : this.#drained;
    const index = listeners.indexOf(listener);
    if (index >= 0) listeners.splice(index, 1);
  }

  /** The connection's: the caller has read what was written. */
  drain(): void {
    if (this.#drained.length === 0) return;
    const waiting = this.#drained;
    this.#drained = [];
    for (const listener of waiting) listener();
  }

  /** The connection's: the reply is with the caller (`whole`), or will never be. */
  close(whole: boolean): void {
    if (this.#wire === undefined) return;
    this.writableFinished = whole;
    this.#wire = undefined;
    for (const listener of [...this.#closed]) listener();
  }
}
