import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { SurfaceRequest } from '../surface-io.ts';

export interface BodyLimits {
  /** Largest body in bytes, before and after decompression. */
  readonly maxRequestBytes: number;
  /** How long the body may take to come, in milliseconds. */
  readonly requestTimeoutMs: number;
}

/** Told of the body once: its bytes, or why there are none. */
export type BodyDone = (fault: Fault | undefined, bytes: Buffer) => void;

const nothing = Buffer.alloc(0);

/** Reads and decompresses a request's body, within bounds of size and time. Never destroys the request: see `discard`. */
export function readBody(request: SurfaceRequest, limits: BodyLimits, clock: Clock, done: BodyDone): void {
  if ('collect' in request) {
    request.collect((fate, bytes) =>
      done(fate === 'whole' ? undefined : fate === 'late' ? late(limits) : gone(), bytes),
    );
    return;
  }
  const coding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (coding !== 'identity' && !decoders.has(coding)) {
    done(new Fault('MEDIA_TYPE_UNSUPPORTED', 'content-encoding must be gzip, deflate, br or zstd'), nothing);
    return;
  }
  if (Number(request.headers['content-length'] ?? 0) > limits.maxRequestBytes) {
    done(tooLarge(limits), nothing);
    return;
  }
  if (request.destroyed) {
    done(gone(), nothing);
    return;
  }
  let chunks: Buffer[] | undefined;
  let first: Buffer | undefined;
  let size = 0;
  let over = false;

  const finish = (fault: Fault | undefined, bytes: Buffer): void => {
    if (over) return;
    over = true;
    disarm();
    request.off('data', onData);
    if (fault !== undefined) done(fault, nothing);
    else if (coding === 'identity') done(undefined, bytes);
    else decompress(coding, bytes, limits, done);
  };
  const onData = (chunk: Buffer): void => {
    size += chunk.length;
    if (size > limits.maxRequestBytes) {
      request.pause();
      finish(tooLarge(limits), nothing);
    } else if (first === undefined) first = chunk;
    else {
      chunks ??= [first];
      chunks.push(chunk);
    }
  };
  const cut = (): void => {
    if (!over) finish(gone(), nothing);
  };
  const disarm = clock.after(limits.requestTimeoutMs, () => {
    finish(late(limits), nothing);
  });
  request.on('data', onData);
  request.once('end', () => finish(undefined, chunks === undefined ? (first ?? nothing) : Buffer.concat(chunks, size)));
  request.once('error', cut);
  request.once('aborted', cut);
  request.once('close', cut);
}

const gone = () => new Fault('CANCELLED', 'the caller went away before the body was whole');

const late = ({ requestTimeoutMs }: BodyLimits) =>
  new Fault('CALLER_TIMEOUT', `the body did not come within ${requestTimeoutMs} ms`);

const tooLarge = ({ maxRequestBytes }: BodyLimits) =>
  new Fault('TOO_LARGE', `the body is larger than ${maxRequestBytes} bytes`);

type Inflate = (
  input: Buffer,
  options: { maxOutputLength: number },
  done: (error: (Error & { code?: string }) | null, bytes: Buffer) => void,
) => void;

const decoders: ReadonlyMap<string, Inflate> = new Map<string, Inflate>([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  ['deflate', inflate],
  ['br', brotliDecompress],
  ['zstd', zstdDecompress],
]);

/** Stops at the limit, so that a small body cannot become a huge one. */
function decompress(coding: string, bytes: Buffer, limits: BodyLimits, done: BodyDone): void {
  decoders.get(coding)?.(bytes, { maxOutputLength: limits.maxRequestBytes }, (error, plain) => {
    if (error === null) done(undefined, plain);
    else if (error.code === 'ERR_BUFFER_TOO_LARGE') done(tooLarge(limits), nothing);
    else done(new Fault('BODY_INVALID', `the body is not valid ${coding}`), nothing);
  });
}

/** Refuses a body that does not say that it is JSON: no page of another origin can send that unasked. */
export function requireJson({ headers }: Pick<SurfaceRequest, 'headers'>): void {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';');
  const charset = parameters.map((text) => text.trim()).find((text) => text.startsWith('charset='));
  const json = /^application\/(?:[\w.+-]+\+)?json$/.test(type.trim());
  if (!json || (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset)))
    throw new Fault('MEDIA_TYPE_UNSUPPORTED', 'content-type must be application/json, in UTF-8');
}
