import type { OutgoingHttpHeaders } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { ServerRequest } from './listener.ts';
import type { PlainRequest } from './plain/request.ts';

/** A request to the HTTP surface, whoever has read it. */
export type SurfaceRequest = ServerRequest | PlainRequest;

/** What the HTTP surface asks of a response: Node's over either version have it, and the one to a plain request. */
export interface SurfaceResponse {
  readonly headersSent: boolean;
  readonly writableNeedDrain: boolean;
  readonly writableEnded: boolean;
  /** Whether all of it went out. */
  readonly writableFinished: boolean;
  readonly destroyed: boolean;
  /** HTTP/1.1 only: whether what is written has to be framed, which Node does unless it is set to false. */
  chunkedEncoding?: boolean;
  /** HTTP/2 only. */
  readonly stream?: ServerHttp2Stream;
  writeHead(status: number, headers: OutgoingHttpHeaders): unknown;
  write(data: string | Uint8Array): boolean;
  end(data?: string | Uint8Array): unknown;
  destroy(): unknown;
  once(event: 'close' | 'drain', listener: () => void): unknown;
  off(event: 'close' | 'drain', listener: () => void): unknown;
}

export type SurfaceHandler = (request: SurfaceRequest, response: SurfaceResponse) => void;
