import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { Call, Headers } from '../../kernel/call.ts';

const prefixBytes = 5;
const single = (headers: Headers, name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
};

/** The body of a signed request as it passes on its way to Connect, which tells nobody of the bytes of a message. */
export class KeptBody {
  readonly #limit: number;
  readonly #pieces: Uint8Array[] = [];

  /** `limit`: the most bytes that the message may have. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  push(piece: Uint8Array): void {
    this.#pieces.push(piece);
  }

  /** The request's one message, without frame and compression; undefined where there is none. */
  message({ protocol, headers, streaming }: Call): Buffer | undefined {
    const body = Buffer.concat(this.#pieces);
    if (protocol === 'connect' && !streaming) return this.#plain(body, single(headers, 'content-encoding'));
    if (body.length < prefixBytes) return undefined;
    const end = prefixBytes + body.readUInt32BE(1);
    if (body.length < end) return undefined;
    const message = body.subarray(prefixBytes, end);
    if (((body[0] ?? 0) & 1) === 0) return message;
    return this.#plain(message, single(headers, protocol === 'connect' ? 'connect-content-encoding' : 'grpc-encoding'));
  }

  #plain(bytes: Buffer, coding: string | undefined): Buffer | undefined {
    if (coding === undefined || coding === 'identity' || bytes.length === 0) return bytes;
    const options = { maxOutputLength: Math.max(1, this.#limit) };
    try {
      if (coding === 'gzip') return gunzipSync(bytes, options);
      return coding === 'br' ? brotliDecompressSync(bytes, options) : undefined;
    } catch {
      return undefined;
    }
  }
}
