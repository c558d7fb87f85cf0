import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';

/** What became of a body: it is whole, it took too long, or the caller has gone. */
export type BodyFate = 'whole' | 'late' | 'gone';

/** What a request asks of its connection. */
export interface BodySource {
  /** Bytes may come. */
  readOn(): void;
  /** What is left of the body is of no use. */
  skipBody(): void;
}

const nothing = Buffer.alloc(0);

/** A plain request: its head, and its body once that is whole. It has no content coding, and a length within the limits. */
export class PlainRequest {
  readonly method = 'POST';
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly socket: Socket;
  readonly #source: BodySource;
  #first: Buffer | undefined;
  #pieces: Buffer[] | undefined;
  #fate: BodyFate | undefined;
  #done: ((fate: BodyFate, bytes: Buffer) => void) | undefined;
  #discarded = false;
  /** Bytes that came and wait to be asked for. */
  held = 0;

  constructor(url: string, headers: IncomingHttpHeaders, socket: Socket, source: BodySource) {
    this.url = url;
    this.headers = headers;
    this.socket = socket;
    this.#source = source;
  }

  /** Whether somebody waits for the body, or nobody ever will. */
  get wanted(): boolean {
    return this.#done !== undefined || this.#discarded;
  }

  /** Tells `done` of the body once: at once where it is here. */
  collect(done: (fate: BodyFate, bytes: Buffer) => void): void {
    this.#done = done;
    if (this.#fate === undefined) this.#source.readOn();
    else this.#tell(this.#fate);
  }

  /** Nobody asks for the body any more. */
  discard(): void {
    if (this.#discarded) return;
    this.#discarded = true;
    this.#done = undefined;
    this.#first = undefined;
    this.#pieces = undefined;
    this.#source.skipBody();
  }

  /** The connection's: a piece of the body has come. */
  push(piece: Buffer): void {
    if (this.#discarded || this.#fate !== undefined) return;
    this.held += piece.length;
    if (this.#first === undefined) this.#first = piece;
    else {
      this.#pieces ??= [this.#first];
      this.#pieces.push(piece);
    }
  }

  /** The connection's: there is no more to come. Only the first fate counts. */
  end(fate: BodyFate): void {
    if (this.#fate !== undefined) return;
    this.#fate = fate;
    this.#tell(fate);
  }

  #tell(fate: BodyFate): void {
    const done = this.#done;
    if (done === undefined) return;
    this.#done = undefined;
    const [first, pieces] = [this.#first, this.#pieces];
    this.#first = undefined;
    this.#pieces = undefined;
    if (fate === 'whole') done(fate, pieces === undefined ? (first ?? nothing) : Buffer.concat(pieces, this.held));
    else done(fate, nothing);
  }
}
