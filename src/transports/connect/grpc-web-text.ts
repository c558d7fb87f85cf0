/** The base64 form of gRPC-web (grpc-web protocol, "text"), for browsers that read no binary. */
const textType = /^application\/grpc-web-text(?:\+proto)?(?:;|$)/i;

export const isGrpcWebText = (contentType: string | undefined): boolean =>
  contentType !== undefined && textType.test(contentType);

export const grpcWebTextType = 'application/grpc-web-text+proto';
export const grpcWebBinaryType = 'application/grpc-web+proto';

/** Raised for a body that is not base64. */
class Base64Error extends Error {
  override readonly name = 'Base64Error';
}

const base64 = /^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)*$/;

/** Decodes base64 that comes in any pieces; padding may stand after each message. */
export class Base64Decoder {
  #rest = '';

  push(chunk: Uint8Array): Buffer {
    const piece = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
    const text = this.#rest + piece.replace(/[\r\n]+/g, '');
    const whole = text.length - (text.length % 4);
    this.#rest = text.slice(whole);
    const groups = text.slice(0, whole);
    if (!base64.test(groups)) throw new Base64Error('the body is not base64');
    return Buffer.concat(groups.match(/[^=]+=*/g)?.map((part) => Buffer.from(part, 'base64')) ?? []);
  }

  end(): void {
    if (this.#rest !== '') throw new Base64Error('the body ends within a base64 group');
  }
}

export async function* decodeBase64(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const decoder = new Base64Decoder();
  for await (const chunk of body) yield decoder.push(chunk);
  decoder.end();
}

export const encodeBase64 = (bytes: Uint8Array): Buffer =>
  Buffer.from(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'), 'latin1');
