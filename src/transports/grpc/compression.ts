import { brotliCompressSync, brotliDecompress, constants, gunzip, gzipSync } from 'node:zlib';
import { type Refusal, tooLarge, unreadable } from './refusal.ts';

/** A message coding of gRPC. */
export interface Coding {
  readonly name: string;
  /** Blocks the process: for messages of a moderate size. */
  compress(bytes: Uint8Array): Uint8Array;
  decompress(
    bytes: Uint8Array,
    options: { readonly maxOutputLength: number },
    done: (error: Error | null, bytes: Buffer) => void,
  ): void;
}

/** The quality that takes about as long as gzip; the default is ten times as slow. */
const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

const codings: ReadonlyMap<string, Coding> = new Map(
  [
    { name: 'gzip', compress: (bytes: Uint8Array) => gzipSync(bytes), decompress: gunzip },
    { name: 'br', compress: (bytes: Uint8Array) => brotliCompressSync(bytes, brotli), decompress: brotliDecompress },
  ].map((coding) => [coding.name, coding]),
);

/** What `grpc-accept-encoding` says. */
export const codingNames = [...codings.keys()].join(',');

/** The coding of a `grpc-encoding` header; undefined for none, null for one that is not known. */
export function codingOf(name: string | undefined): Coding | undefined | null {
  if (name === undefined || name === 'identity') return undefined;
  return codings.get(name) ?? null;
}

/**
 * The coding of the answer: the request's own, if the caller takes it back. Callers that merely could decompress are
 * not served so: on fast networks that costs both sides more time than it saves.
 */
export function answerCoding(request: Coding | undefined, accepted: string | undefined): Coding | undefined {
  if (request === undefined || accepted === undefined) return request;
  return accepted.split(',').some((name) => name.trim() === request.name) ? request : undefined;
}

/** Decompresses a message of at most `limit` bytes; tells either it or why not. */
export function decompress(
  coding: Coding,
  bytes: Uint8Array,
  limit: number,
  done: (refusal: Refusal | undefined, bytes: Uint8Array) => void,
): void {
  if (bytes.length === 0) {
    done(undefined, bytes);
    return;
  }
  // zlib takes no limit of 0.
  coding.decompress(bytes, { maxOutputLength: Math.max(1, limit) }, (error, whole) => {
    if (error === null) done(undefined, whole);
    else done('code' in error && error.code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge() : unreadable(), bytes);
  });
}
