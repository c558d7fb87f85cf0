import { Base64Decoder } from '../connect/grpc-web-text.ts';
import type { Refusal, Refusals } from '../rpc/refusal.ts';
import type { RequestReader } from '../rpc/request-message.ts';

/** A message that comes as base64. */
export class Base64Message implements RequestReader {
  readonly #decoder = new Base64Decoder();
  readonly #message: RequestReader;
  readonly #refusals: Refusals;

  /** `message` reads what is decoded. */
  constructor(message: RequestReader, refusals: Refusals) {
    this.#message = message;
    this.#refusals = refusals;
  }

  get bytes(): Buffer {
    return this.#message.bytes;
  }

  get compressed(): boolean {
    return this.#message.compressed;
  }

  push(piece: Buffer): Refusal | undefined {
    return this.#attempt(() => this.#message.push(this.#decoder.push(piece)));
  }

  end(): Refusal | undefined {
    return this.#attempt(() => {
      this.#decoder.end();
      return this.#message.end();
    });
  }

  #attempt(read: () => Refusal | undefined): Refusal | undefined {
    try {
      return read();
    } catch (thrown) {
      return this.#refusals.unreadable(thrown instanceof Error ? thrown.message : undefined);
    }
  }
}
