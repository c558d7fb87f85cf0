import { crc32 } from 'node:zlib';
import { Fault } from '../../kernel/fault.ts';
import { type Framer, maxFrameBytes, type OnFrame } from './framer.ts';

/** Total length, length of the headers, and a checksum of these two. */
const preludeBytes = 12;
const checksumBytes = 4;

/** Sizes of header values by their type; 6 and 7 (bytes, string) carry their own. */
const valueBytes = [0, 0, 1, 2, 4, 8, -1, -1, 8, 16] as const;
const stringType = 7;

/**
 * AWS's binary event stream (application/vnd.amazon.eventstream): big-endian length-prefixed messages of headers and a
 * payload, with a CRC32 of the prelude and one of the whole. An event gives a frame with its `:event-type`; an exception
 * one with its `:exception-type`; an unmodeled error (headers alone) one named "error" whose data has code and message.
 */
export class AwsEventStreamFramer implements Framer {
  readonly #limit: number;
  #held = Buffer.alloc(0);
  #length = 0;

  constructor(limit = maxFrameBytes) {
    this.#limit = limit;
  }

  push(piece: Uint8Array, onFrame: OnFrame): void {
    if (piece.length === 0) return;
    let bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    if (this.#length > 0) {
      this.#hold(bytes);
      bytes = this.#held.subarray(0, this.#length);
    }
    let at = 0;
    while (bytes.length - at >= preludeBytes) {
      const total = this.#totalLength(bytes, at);
      if (bytes.length - at < total) break;
      onFrame(frameOf(bytes.subarray(at, at + total)));
      at += total;
    }
    if (this.#length === 0) {
      if (at < bytes.length) this.#hold(bytes.subarray(at));
    } else if (at > 0) {
      this.#held.copy(this.#held, 0, at, this.#length);
      this.#length -= at;
    }
  }

  end(): void {
    if (this.#length === 0) return;
    throw new Fault('PROVIDER_STREAM_CUT', 'the provider ended the stream amid an event', { blame: 'provider' });
  }

  /** Reads a prelude; its checksum is proven before its lengths are believed. */
  #totalLength(bytes: Buffer, at: number): number {
    if (crc32(bytes.subarray(at, at + 8)) !== bytes.readUInt32BE(at + 8)) throw damaged('prelude checksum');
    const total = bytes.readUInt32BE(at);
    const headers = bytes.readUInt32BE(at + 4);
    if (total > this.#limit) throw damaged('size');
    if (total < preludeBytes + headers + checksumBytes) throw damaged('length');
    return total;
  }

  #hold(bytes: Buffer): void {
    const length = this.#length + bytes.length;
    if (length > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(1024, 2 * length));
      this.#held.copy(grown, 0, 0, this.#length);
      this.#held = grown;
    }
    bytes.copy(this.#held, this.#length);
    this.#length = length;
  }
}

const damaged = (what: string): Fault =>
  new Fault('PROVIDER_MALFORMED', `the provider sent an event with a wrong ${what}`, { blame: 'provider' });

function frameOf(message: Buffer): { event: string; data: string } {
  const end = message.length - checksumBytes;
  if (crc32(message.subarray(0, end)) !== message.readUInt32BE(end)) throw damaged('checksum');
  const payloadAt = preludeBytes + message.readUInt32BE(4);
  const headers = stringHeaders(message.subarray(preludeBytes, payloadAt));
  const data = message.toString('utf8', payloadAt, end);
  switch (headers.get(':message-type')) {
    case 'exception':
      return { event: headers.get(':exception-type') ?? 'error', data };
    case 'error':
      return {
        event: 'error',
        data: JSON.stringify({ code: headers.get(':error-code'), message: headers.get(':error-message') }),
      };
    default:
      return { event: headers.get(':event-type') ?? '', data };
  }
}

/** The headers whose values are strings; no others tell anything here. */
function stringHeaders(bytes: Buffer): Map<string, string> {
  const found = new Map<string, string>();
  let at = 0;
  while (at < bytes.length) {
    const nameEnd = at + 1 + (bytes[at] ?? 0);
    const name = bytes.toString('utf8', at + 1, nameEnd);
    const type = bytes[nameEnd] ?? -1;
    let size: number | undefined = valueBytes[type];
    let valueAt = nameEnd + 1;
    if (size === -1 && valueAt + 2 <= bytes.length) {
      size = bytes.readUInt16BE(valueAt);
      valueAt += 2;
    }
    if (size === undefined || size < 0 || valueAt + size > bytes.length) throw damaged('header');
    if (type === stringType) found.set(name, bytes.toString('utf8', valueAt, valueAt + size));
    at = valueAt + size;
  }
  return found;
}
