import { brotliCompress, brotliCompressSync, brotliDecompress, constants, gunzip, gzip, gzipSync } from 'node:zlib';
import type { Refusal, Refusals } from './refusal.ts';

/** A message coding. */
export interface Coding {
  readonly name: string;
  /** Blocks the process: for messages of a moderate size. */
  compress(bytes: Uint8Array): Uint8Array;
  /** Leaves it to another thread: for those of any size. */
  compressApart(bytes: Uint8Array, done: (error: Error | null, bytes: Buffer) => void): void;
  decompress(
    bytes: Uint8Array,
    options: { readonly maxOutputLength: number },
    done: (error: Error | null, bytes: Buffer) => void,
  ): void;
}

/** The quality that takes about as long as gzip; the default is ten times as slow. */
const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

const all: readonly Coding[] = [
  {
    name: 'gzip',
    compress: (bytes) => gzipSync(bytes),
    compressApart: (bytes, done) => gzip(bytes, done),
    decompress: gunzip,
  },
  {
    name: 'br',
    compress: (bytes) => brotliCompressSync(bytes, brotli),
    compressApart: (bytes, done) => brotliCompress(bytes, brotli, done),
    decompress: brotliDecompress,
  },
];
const codings: ReadonlyMap<string, Coding> = new Map(all.map((coding) => [coding.name, coding]));

/** What is taken, best first. */
export const codingNames = [...codings.keys()].join(',');

/** The coding that a header names, as `grpc-encoding` does; undefined for none, null for one that is not known. */
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

/**
 * The coding of the answer by Connect's rules: the first of those accepted that is known here, the request's own where
 * the caller says nothing (Connect protocol, "Unary-Request", `Accept-Encoding`).
 */
export function negotiatedCoding(request: Coding | undefined, accepted: string | undefined): Coding | undefined {
  if (accepted === undefined || accepted === '') return request;
  for (const name of accepted.split(',')) {
    const coding = codings.get(name.trim());
    if (coding !== undefined) return coding;
  }
  return undefined;
}

/** Decompresses a message of at most `limit` bytes; tells either it or why not. */
export function decompress(
  coding: Coding,
  bytes: Uint8Array,
  limit: number,
  refusals: Refusals,
  done: (refusal: Refusal | undefined, bytes: Uint8Array) => void,
): void {
  if (bytes.length === 0) {
    done(undefined, bytes);
    return;
  }
  // zlib takes no limit of 0.
  coding.decompress(bytes, { maxOutputLength: Math.max(1, limit) }, (error, whole) => {
    if (error === null) done(undefined, whole);
    else
      done(
        'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
          ? refusals.tooLargeDecompressed()
          : refusals.notCompressed(),
        bytes,
      );
  });
}
