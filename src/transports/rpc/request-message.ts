import type { Refusal, Refusals } from './refusal.ts';

const prefixBytes = 5;
const none = Buffer.alloc(0);

/** Smallest buffer for a message that comes in pieces. */
const leastBytes = 16 * 1024;

/** The one message of a request, as its body brings it. */
export interface RequestReader {
  /** Takes what has arrived; tells why the request is refused as soon as that is known. */
  push(piece: Buffer): Refusal | undefined;
  /** No more follows. */
  end(): Refusal | undefined;
  /** The message, once `end` found nothing wrong. */
  readonly bytes: Buffer;
  readonly compressed: boolean;
}

/**
 * The one message of a request, put together from the pieces in which it comes (gRPC over HTTP/2,
 * "Length-Prefixed-Message"). A message in one piece is not copied; else it is gathered in a buffer that grows with
 * what has arrived, not with what its length claims.
 */
export class RequestMessage implements RequestReader {
  readonly #limit: number;
  readonly #refusals: Refusals;
  readonly #prefix = new Uint8Array(prefixBytes);
  #prefixed = 0;
  #length = 0;
  #gathered: Buffer = none;
  #have = 0;

  /** `limit`: the most bytes that the message may have. */
  constructor(limit: number, refusals: Refusals) {
    this.#limit = limit;
    this.#refusals = refusals;
  }

  get compressed(): boolean {
    return this.#prefix[0] === 1;
  }

  get bytes(): Buffer {
    return this.#gathered.length === this.#length ? this.#gathered : this.#gathered.subarray(0, this.#length);
  }

  push(piece: Buffer): Refusal | undefined {
    let at = 0;
    while (this.#prefixed < prefixBytes && at < piece.length) this.#prefix[this.#prefixed++] = piece[at++] ?? 0;
    if (this.#prefixed < prefixBytes) return undefined;
    if (this.#gathered === none && this.#have === 0) {
      const refusal = this.#readPrefix();
      if (refusal !== undefined) return refusal;
      if (piece.length - at === this.#length) {
        this.#gathered = piece.subarray(at);
        this.#have = this.#length;
        return undefined;
      }
    }
    const rest = piece.length - at;
    if (rest === 0) return undefined;
    if (this.#have + rest > this.#length) return this.#refusals.notOne(true);
    this.#reserve(this.#have + rest);
    piece.copy(this.#gathered, this.#have, at);
    this.#have += rest;
    return undefined;
  }

  end(): Refusal | undefined {
    if (this.#prefixed === 0) return this.#refusals.notOne(false);
    return this.#prefixed < prefixBytes || this.#have < this.#length ? this.#refusals.cutShort() : undefined;
  }

  #readPrefix(): Refusal | undefined {
    const [flags = 0, a = 0, b = 0, c = 0, d = 0] = this.#prefix;
    if (flags > 1) return this.#refusals.unreadable();
    this.#length = a * 2 ** 24 + ((b << 16) | (c << 8) | d);
    return this.#length > this.#limit ? this.#refusals.tooLarge(this.#length) : undefined;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#gathered.length) return;
    const grown = Buffer.allocUnsafeSlow(
      Math.min(this.#length, Math.max(bytes, 2 * this.#gathered.length, leastBytes)),
    );
    this.#gathered.copy(grown, 0, 0, this.#have);
    this.#gathered = grown;
  }
}
