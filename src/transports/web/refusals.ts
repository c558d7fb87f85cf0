import { Code, Fault } from '../../kernel/fault.ts';
import { plainRefusals, type Refusals } from '../rpc/refusal.ts';

/** A call as it concerns what it may be refused for. */
interface Refused {
  /** `connect` or `grpc`, as its timeouts are called. */
  readonly protocol: string;
  readonly unary: boolean;
  /** Largest message in bytes. */
  readonly limit: number;
}

/**
 * What Connect's and gRPC-web's callers are told of a request that is refused before its method: word for word what
 * connect-es tells them, so that it is the same whoever serves the call. The log has the plain words.
 */
export function webRefusals({ protocol, unary, limit }: Refused): Refusals {
  const kind = unary ? 'unary' : 'server-streaming';
  const notRead = (text: string) => ({ ...plainRefusals.unreadable(), text });
  const tooLarge = (text: string) => ({ ...plainRefusals.tooLarge(), text });
  return {
    unreadable: (why) => (why === undefined ? plainRefusals.unreadable() : notRead(why)),
    badTimeout: (text) => notRead(`protocol error: invalid ${protocol} timeout value: ${text}`),
    tooLarge: (bytes) =>
      tooLarge(`message size ${bytes === undefined ? '' : `${bytes} `}is larger than configured readMaxBytes ${limit}`),
    tooLargeDecompressed: () => tooLarge(`message is larger than configured readMaxBytes ${limit} after decompression`),
    notCompressed: () => notRead('decompression failed'),
    cutShort: () => notRead('protocol error: incomplete envelope'),
    notOne: (more) => ({
      ...plainRefusals.notOne(more),
      text: more
        ? `protocol error: received extra input message for ${kind} method`
        : `protocol error: missing input message for ${kind} method`,
    }),
    compressedWithNothing: () => ({
      ...notRead('received compressed envelope, but do not know how to decompress'),
      code: Code.INTERNAL,
    }),
    unknownCoding: (named, taken) => ({
      fault: new Fault('MEDIA_TYPE_UNSUPPORTED', 'unknown compression'),
      code: Code.UNIMPLEMENTED,
      text: `unknown compression "${named}": supported encodings are ${taken}`,
    }),
  };
}
