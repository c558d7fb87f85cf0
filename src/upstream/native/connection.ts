import type net from 'node:net';
import type { UpstreamFailure } from '../../kernel/upstream.ts';
import type { Pooled } from '../pool.ts';
import { type ConnectionOptions, openSocket } from '../socket.ts';
import { Found, ResponseParser } from './response-parser.ts';

/** Who is told of an answer; the connection's view of an exchange. */
export interface Reader {
  /** Ended, failed or cancelled: nothing more may be told. */
  readonly done: boolean;
  /** Whether body bytes have to wait. */
  readonly paused: boolean;
  readonly head: string;
  readonly body: string | Uint8Array;
  answer(parser: ResponseParser): void;
  data(bytes: Buffer): void;
  /** The answer is whole; `reusable` tells whether the connection serves another request. */
  end(reusable: boolean): void;
  fail(kind: UpstreamFailure, cause: unknown): void;
  /** The connection was lost before anything was sent: another one has to carry the request. */
  again(): void;
}

/**
 * What sockets read lands here, whichever they are: it is looked at, and copied where it has to stay, before the next
 * read. That costs less than a buffer for each read, and idle connections hold none.
 */
const landing = Buffer.allocUnsafeSlow(65_536);

/** As long a string is sent in one piece with its head; a longer one is not worth the copy. */
const joined = 65_536;

/** A server closes earlier than it says by as much as its answer was on the way. */
const keepAliveMarginMs = 2_000;
const longestKeepAliveMs = 600_000;

/**
 * Connections that are about to send another request. They do so after everything that had arrived has been read: a
 * connection that was closed, or on which bytes came that nobody asked for, is noticed before it is used.
 */
let leaving: NativeConnection[] = [];

/** Connections whose answer ended in this turn: what the server sends or does right after it is seen in the next. */
let resting: NativeConnection[] = [];

let scheduled = false;

function turnEnds(): void {
  scheduled = false;
  const [due, rested] = [leaving, resting];
  leaving = [];
  resting = [];
  for (const connection of due) connection.depart();
  for (const connection of rested) connection.rested = true;
}

function atTurnsEnd(list: NativeConnection[], connection: NativeConnection): void {
  list.push(connection);
  if (scheduled) return;
  scheduled = true;
  setImmediate(turnEnds);
}

/** One HTTP/1.1 connection, which serves one request at a time. */
export class NativeConnection implements Pooled {
  readonly since = performance.now();
  idleUntil = Number.POSITIVE_INFINITY;
  idle = false;
  lost = false;
  /** Whether a turn has passed since the last answer. */
  rested = true;
  readonly #socket: net.Socket;
  readonly #parser: ResponseParser;
  readonly #keepAliveMs: number;
  #connected = false;
  #reader: Reader | undefined;
  /** Whether the reader's request was written. */
  #sent = false;
  /** Bytes that came while the reader was paused. */
  #held: Buffer | undefined;
  /** Whether the server closed its side after those held. */
  #endHeld = false;
  #dozing = false;

  constructor(options: ConnectionOptions) {
    this.#parser = new ResponseParser(options.maxHeaderBytes);
    this.#keepAliveMs = options.keepAliveMs;
    this.#socket = openSocket(options, () => this.#stands(), {
      buffer: landing,
      callback: (count) => this.#read(landing, count),
    });
    this.#socket.on('error', (error) => this.#broke(error));
    this.#socket.on('end', () => this.#ended());
    this.#socket.on('close', () => this.#broke(undefined));
  }

  /** Sends a request once the connection stands, or after what had arrived on it was read. */
  carry(reader: Reader): void {
    this.#reader = reader;
    this.#sent = false;
    if (!this.#connected) return;
    if (this.#dozing) this.#socket.ref();
    this.#dozing = false;
    atTurnsEnd(leaving, this);
  }

  /** Sends the request that waited for the turn's end. */
  depart(): void {
    const reader = this.#reader;
    if (reader === undefined || reader.done) return;
    if (this.lost) {
      this.#reader = undefined;
      reader.again();
    } else if (this.rested) this.#send(reader);
    else atTurnsEnd(leaving, this);
  }

  destroy(closed?: () => void): void {
    this.lost = true;
    this.#reader = undefined;
    this.#held = undefined;
    if (closed !== undefined) {
      if (this.#socket.closed) closed();
      else this.#socket.once('close', () => closed());
    }
    this.#socket.destroy();
  }

  doze(): void {
    this.#dozing = true;
    this.#socket.unref();
  }

  /** Stops reading: what comes stays in the kernel. */
  pause(): void {
    this.#socket.pause();
  }

  /** Hands out what was held back, and reads on. */
  resume(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined && !this.#read(held, held.length)) return;
    if (this.#endHeld) this.#ended();
    else if (!this.lost) this.#socket.resume();
  }

  #stands(): void {
    this.#connected = true;
    // Whoever asked for it may have gone on to the next turn already; then `destroy` was called.
    if (this.#reader !== undefined) this.#send(this.#reader);
  }

  #send({ head, body }: Reader): void {
    this.#sent = true;
    this.#parser.reset();
    const socket = this.#socket;
    if (body.length === 0) {
      socket.write(head.startsWith('GET ') ? `${head}\r\n` : `${head}content-length: 0\r\n\r\n`, 'latin1');
      return;
    }
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    const text = `${head}content-length: ${length}\r\n\r\n`;
    // ASCII alone is written without a look at each character.
    const encoding = length === body.length ? 'latin1' : 'utf8';
    // One write for both, where the head is as good in the body's encoding.
    const joins = length <= joined && (encoding === 'latin1' || Buffer.byteLength(text) === text.length);
    if (typeof body === 'string' && joins) {
      socket.write(text + body, encoding);
      return;
    }
    socket.cork();
    socket.write(text, 'latin1');
    if (typeof body === 'string') socket.write(body, encoding);
    else socket.write(body);
    socket.uncork();
  }

  /** @returns whether to read on */
  #read(bytes: Buffer, end: number): boolean {
    const reader = this.#reader;
    if (reader === undefined || !this.#sent) {
      this.#stray();
      return false;
    }
    // TLS hands out all that it has decrypted, however it was paused meanwhile.
    if (this.#held !== undefined) {
      this.#held = Buffer.concat([this.#held, bytes.subarray(0, end)]);
      return false;
    }
    const parser = this.#parser;
    let at = 0;
    try {
      for (;;) {
        const found = parser.next(bytes, at, end);
        at = parser.at;
        switch (found) {
          case Found.nothing:
            return true;
          case Found.head:
            reader.answer(parser);
            break;
          case Found.body:
            reader.data(Buffer.copyBytesFrom(bytes, parser.from, parser.to - parser.from));
            break;
          case Found.end:
            this.#whole(reader, at === end);
            return true;
          default:
            reader.fail('protocol', new Error('the answer is not HTTP/1.1, or breaks its limits'));
            return false;
        }
        if (reader.done) return false;
        if (reader.paused) {
          // The end waits as bytes do, though it may need none.
          this.#held = Buffer.copyBytesFrom(bytes, at, end - at);
          return false;
        }
      }
    } catch (thrown) {
      // Thrown at the answer's end, it is nobody's to hear any more.
      reader.fail('protocol', thrown);
      return !this.lost;
    }
  }

  /** Bytes that nobody asked for: whoever sent them may mean them as the answer to another request. */
  #stray(): void {
    this.lost = true;
    this.#socket.destroy();
  }

  #whole(reader: Reader, clean: boolean): void {
    const { reusable, keepAliveMs } = this.#parser;
    this.#reader = undefined;
    const idleMs =
      keepAliveMs === undefined ? this.#keepAliveMs : Math.min(keepAliveMs - keepAliveMarginMs, longestKeepAliveMs);
    this.idleUntil = performance.now() + idleMs;
    // What is still being sent would be taken for the beginning of the next request.
    const serves = clean && reusable && idleMs > 0 && !this.lost && this.#socket.writableLength === 0;
    if (serves) {
      this.rested = false;
      atTurnsEnd(resting, this);
    }
    reader.end(serves);
  }

  #ended(): void {
    const reader = this.#reader;
    this.lost = true;
    if (reader === undefined || !this.#sent) return;
    this.#endHeld = this.#held !== undefined;
    if (this.#endHeld) return;
    const found = this.#parser.finish();
    if (found === Found.end) {
      try {
        this.#whole(reader, false);
      } catch {
        // As in `#read`.
      }
    } else if (found === Found.malformed) reader.fail('protocol', new Error('the answer is not HTTP/1.1'));
    else reader.fail('reset', new Error('the connection was closed before the end of the answer'));
  }

  #broke(error: Error | undefined): void {
    const reader = this.#reader;
    this.lost = true;
    if (reader === undefined) return;
    // One that stood, but had sent nothing, is replaced when its request's turn comes.
    if (this.#connected && !this.#sent) return;
    if (error === undefined && this.#endHeld) return;
    const cause = error ?? new Error(`the connection was closed ${this.#connected ? 'amid an answer' : 'too soon'}`);
    reader.fail(this.#connected ? 'reset' : 'connect', cause);
  }
}
