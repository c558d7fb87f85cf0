import { Http2ServerResponse, type ServerHttp2Stream } from 'node:http2';

type Write = (...args: unknown[]) => boolean;
type End = (...args: unknown[]) => Http2ServerResponse;

const isGone = ({ closed, destroyed }: ServerHttp2Stream): boolean => closed || destroyed;

/**
 * Node's response over HTTP/2, which takes what is written after the caller reset the stream as it takes what is written
 * after its end: as nothing. Node throws between the reset and the end of the stream (ERR_HTTP2_INVALID_STREAM), and
 * callers that reset what they just opened would have that thrown wherever a reply was about to begin.
 */
export class Http2Response extends Http2ServerResponse {
  override write(...args: unknown[]): boolean {
    return isGone(this.stream) ? false : (super.write as Write)(...args);
  }

  override end(...args: unknown[]): this {
    if (!isGone(this.stream)) (super.end as End)(...args);
    return this;
  }
}
