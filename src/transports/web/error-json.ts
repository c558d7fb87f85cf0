import { create, type JsonValue, type JsonWriteOptions, toBinary, toJson } from '@bufbuild/protobuf';
import type { Code } from '../../kernel/fault.ts';
import type { RpcStatus, StatusDetail } from '../status.ts';

/** Connect's names of gRPC's codes, and the HTTP status of a unary call that ends so (Connect protocol, "Error Codes"). */
const codes: Readonly<Record<Code, readonly [name: string, http: number]>> = {
  1: ['canceled', 499],
  2: ['unknown', 500],
  3: ['invalid_argument', 400],
  4: ['deadline_exceeded', 504],
  5: ['not_found', 404],
  6: ['already_exists', 409],
  7: ['permission_denied', 403],
  8: ['resource_exhausted', 429],
  9: ['failed_precondition', 400],
  10: ['aborted', 409],
  11: ['out_of_range', 400],
  12: ['unimplemented', 501],
  13: ['internal', 500],
  14: ['unavailable', 503],
  15: ['data_loss', 500],
  16: ['unauthenticated', 401],
};

export const httpStatusOf = (code: Code): number => codes[code][1];

/** A status as JSON (Connect protocol, "Error"). Its details are told in binary, and readable beside that. */
export function errorOf({ code, message, details }: RpcStatus, options: Partial<JsonWriteOptions>): object {
  return {
    code: codes[code][0],
    ...(message !== '' && { message }),
    ...(details.length > 0 && { details: details.map((detail) => detailOf(detail, options)) }),
  };
}

function detailOf({ desc, value }: StatusDetail, options: Partial<JsonWriteOptions>): object {
  const message = create(desc, value);
  let debug: JsonValue | undefined;
  try {
    debug = toJson(desc, message, options);
  } catch {
    // It has an Any of a type that is not known: it is told in binary all the same.
  }
  const bytes = Buffer.from(toBinary(desc, message)).toString('base64').replace(/=+$/, '');
  return { type: desc.typeName, ...(debug !== undefined && { debug }), value: bytes };
}
