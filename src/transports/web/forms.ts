import type { JsonWriteOptions } from '@bufbuild/protobuf';
import { grpcWebTextType } from '../connect/grpc-web-text.ts';
import { statusHeaders } from '../rpc/status-headers.ts';
import type { Codec } from './codec.ts';
import type { EnvelopedForm } from './enveloped.ts';
import { errorOf } from './error-json.ts';

type Trailers = Readonly<Record<string, string>>;

/** Connect's streams (Connect protocol, "Streaming-Response"). */
export const connectStream = (codec: Codec, contentType: string, json: Partial<JsonWriteOptions>): EnvelopedForm => ({
  codec,
  contentType,
  codingHeader: 'connect-content-encoding',
  text: false,
  endFlag: 2,
  end(status, trailers) {
    const metadata: Record<string, string[]> = {};
    for (const name in trailers) metadata[name] = [trailers[name] ?? ''];
    const error = status === undefined ? {} : { error: errorOf(status, json) };
    const end = Object.keys(metadata).length === 0 ? error : { ...error, metadata };
    return Buffer.from(JSON.stringify(end));
  },
});

/** gRPC-web, in binary and in base64 (gRPC-web protocol, "Trailers"). */
export const grpcWeb = (codec: Codec, contentType: string): EnvelopedForm => ({
  codec,
  contentType,
  codingHeader: 'grpc-encoding',
  text: contentType === grpcWebTextType,
  endFlag: 0x80,
  end: (status, trailers) =>
    Buffer.from(lines({ ...trailers, ...(status === undefined ? ok : statusHeaders(status)) })),
});

const ok: Trailers = { 'grpc-status': '0' };

/** What a header can't carry would be another header here. */
const breaks = /[\r\n\0]+/g;

function lines(trailers: Trailers): string {
  let text = '';
  for (const name in trailers) text += `${name}: ${(trailers[name] ?? '').replace(breaks, ' ')}\r\n`;
  return text;
}
