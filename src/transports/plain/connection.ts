import type { Socket } from 'node:net';
import { type BodySource, PlainRequest } from './request.ts';
import { Look } from './request-head.ts';
import { PlainResponse, type ReplyWire } from './response.ts';
import type { Surroundings, Wait } from './surroundings.ts';

const nothing = Buffer.alloc(0);

/** More pieces of one head than a network makes: node:http has the patience. */
const mostPieces = 16;

/** Bytes of a body that are read before anybody asks for it, and of further requests while one is served. */
const mostHeld = 65_536;

/** An HTTP/1.1 connection as long as all its requests are plain. It serves one at a time, in order. */
export class PlainConnection implements BodySource, ReplyWire {
  readonly #socket: Socket;
  readonly #around: Surroundings;
  /** Bytes that wait for more of a head, or for their turn. */
  #pending: Buffer | undefined;
  #pieces = 0;
  #awaitsHead = false;
  #awaitsBody = false;
  #request: PlainRequest | undefined;
  #response: PlainResponse | undefined;
  /** Bytes of the request's body that are still to come. */
  #remaining = 0;
  #close = false;
  #advancing = false;
  #idle = false;
  #over = false;
  #paused = false;

  constructor(socket: Socket, around: Surroundings) {
    this.#socket = socket;
    this.#around = around;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('drain', this.#onDrain);
    socket.on('close', this.#onClose);
  }

  /** Whether it waits for a request after its first. */
  get idle(): boolean {
    return this.#idle;
  }

  /** Takes bytes of a connection that has just been opened; undefined where none were read yet. */
  begin(bytes: Buffer | undefined): void {
    if (bytes === undefined) this.#awaitHead();
    else this.#advance(bytes);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** A wait has taken too long. */
  expire(what: Wait): void {
    if (what === 'body') this.#request?.end('late');
    else if (what === 'head') this.#break('late');
    else if (what === 'rest' || this.#idle) this.#socket.destroy();
  }

  // What the request asks for.

  readOn(): void {
    this.#resume();
  }

  skipBody(): void {
    if (this.#remaining === 0) return;
    this.#around.stopWaiting('body', this);
    this.#around.wait('rest', this);
    this.#resume();
  }

  // What the response asks for.

  get needDrain(): boolean {
    return this.#socket.writableNeedDrain;
  }

  get ending(): string {
    if (this.#around.retired) this.#close = true;
    return this.#close ? this.#around.closedLines : this.#around.keptLines;
  }

  send(head: string, body: string | Uint8Array, ascii: boolean): boolean {
    const socket = this.#socket;
    // The caller has closed its side, and so have we.
    if (!socket.writable) return false;
    if (typeof body === 'string' && isAscii(head)) return socket.write(head + body, ascii ? 'latin1' : 'utf8');
    socket.cork();
    if (head !== '') socket.write(head, 'latin1');
    const goesOn = socket.write(body);
    socket.uncork();
    return goesOn;
  }

  ended(): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    if (socket.writableLength === 0) this.#delivered();
    else socket.write('', this.#onWritten);
  }

  cut(): void {
    this.#socket.destroy();
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (error == null) this.#delivered();
  };

  readonly #onData = (bytes: Buffer): void => {
    // It is not taken off the list of those that wait, where it would be put again soon: see `expire`.
    this.#idle = false;
    this.#advance(bytes);
  };

  readonly #onDrain = (): void => {
    this.#response?.drain();
  };

  /** As node:http has it: a caller that closes its side while it waits for an answer has gone. */
  readonly #onEnd = (): void => {
    const waits = this.#pending !== undefined && this.#response === undefined;
    if (waits || (this.#remaining > 0 && this.#response?.headersSent === false)) this.#break('cut');
    else this.#socket.end();
  };

  readonly #onClose = (): void => {
    this.#over = true;
    this.#stopWaiting();
    this.#around.closed(this);
    this.#request?.end('gone');
    this.#response?.close(false);
  };

  /** Goes through bytes: bodies, heads, requests. */
  #advance(more: Buffer): void {
    if (this.#over) return;
    let bytes = more;
    if (this.#pending !== undefined) {
      bytes = more.length === 0 ? this.#pending : Buffer.concat([this.#pending, more]);
      this.#pending = undefined;
    }
    this.#advancing = true;
    let at = 0;
    while (at < bytes.length && !this.#over) {
      if (this.#remaining > 0) at = this.#readBody(bytes, at);
      else if (this.#response !== undefined) {
        this.#hold(bytes.subarray(at));
        break;
      } else {
        const next = this.#readHead(bytes, at);
        if (next < 0) break;
        at = next;
      }
    }
    this.#advancing = false;
    this.#rest();
  }

  /** Waits for the next request, where nothing is under way. */
  #rest(): void {
    if (this.#over || this.#idle || this.#response !== undefined || this.#remaining > 0) return;
    if (this.#pending !== undefined) return;
    this.#idle = true;
    this.#around.wait('request', this);
  }

  /** Where reading goes on; -1 where it cannot. */
  #readHead(bytes: Buffer, at: number): number {
    const { head, handler } = this.#around;
    const look = head.look(bytes, at);
    if (look !== Look.plain) {
      const rest = bytes.subarray(at);
      if (look === Look.partial && ++this.#pieces <= mostPieces) {
        this.#pending = rest;
        this.#awaitHead();
      } else this.#handOver(rest);
      return -1;
    }
    if (this.#awaitsHead) {
      this.#awaitsHead = false;
      this.#pieces = 0;
      this.#around.stopWaiting('head', this);
    }
    const request = new PlainRequest(head.path, head.headers, this.#socket, this);
    const response = new PlainResponse(this);
    this.#request = request;
    this.#response = response;
    this.#close = head.close;
    this.#remaining = head.length;
    const begun = at + head.size;
    if (head.length === 0) request.end('whole');
    const next = this.#readBody(bytes, begun);
    if (this.#remaining > 0) {
      this.#awaitsBody = true;
      this.#around.wait('body', this);
    }
    handler(request, response);
    return next;
  }

  #awaitHead(): void {
    if (this.#awaitsHead) return;
    this.#awaitsHead = true;
    this.#around.wait('head', this);
  }

  #readBody(bytes: Buffer, at: number): number {
    const stop = Math.min(bytes.length, at + this.#remaining);
    if (stop === at) return at;
    this.#remaining -= stop - at;
    const request = this.#request;
    request?.push(bytes.subarray(at, stop));
    if (this.#remaining === 0) {
      if (this.#awaitsBody) {
        this.#awaitsBody = false;
        this.#around.stopWaiting('body', this);
        this.#around.stopWaiting('rest', this);
      }
      request?.end('whole');
    } else if (request?.wanted === false && request.held > mostHeld) this.#pause();
    return stop;
  }

  #hold(bytes: Buffer): void {
    this.#pending = bytes;
    if (bytes.length > mostHeld) this.#pause();
  }

  /** The reply is with the kernel. */
  #delivered(): void {
    const response = this.#response;
    if (response === undefined) return;
    if (this.#close) {
      this.#over = true;
      this.#stopWaiting();
      this.#socket.destroySoon();
    }
    this.#response = undefined;
    if (this.#remaining > 0) this.#request?.discard();
    this.#request = undefined;
    response.close(true);
    this.#resume();
    if (!this.#advancing) this.#advance(nothing);
  }

  #break(how: 'cut' | 'late'): void {
    this.#leave();
    this.#around.broke(this.#socket, how);
  }

  #handOver(bytes: Buffer): void {
    this.#leave();
    this.#socket.off('close', this.#onClose);
    this.#around.closed(this);
    this.#around.handOver(this.#socket, bytes);
  }

  /** Takes nothing more from the socket; a request that is under way still hears of its close. */
  #leave(): void {
    this.#over = true;
    this.#stopWaiting();
    const socket = this.#socket;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('drain', this.#onDrain);
  }

  #stopWaiting(): void {
    for (const what of ['head', 'body', 'rest', 'request'] as const) this.#around.stopWaiting(what, this);
  }

  #pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }
}

const isAscii = (text: string): boolean => Buffer.byteLength(text) === text.length;
