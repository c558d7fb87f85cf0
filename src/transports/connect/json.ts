import {
  createRegistry,
  type DescService,
  type JsonReadOptions,
  type JsonWriteOptions,
  type Registry,
} from '@bufbuild/protobuf';
import { file_google_protobuf_any, file_google_protobuf_duration } from '@bufbuild/protobuf/wkt';
import { file_google_rpc_error_details } from '../../../gen/es/google/rpc/error_details_pb.ts';

/** How Connect's JSON is read and written: types inside Any resolved, bad UTF-8 refused, nesting bounded. */
export function jsonOptions(services: readonly DescService[]): Partial<JsonReadOptions & JsonWriteOptions> & {
  readonly registry: Registry;
} {
  return {
    registry: createRegistry(
      ...new Set([
        ...services.map(({ file }) => file),
        file_google_rpc_error_details,
        file_google_protobuf_any,
        file_google_protobuf_duration,
      ]),
    ),
    ignoreUnknownFields: true,
    recursionLimit: 100,
    // Taken by connect-es beside protobuf-es's own options; its default replaces bad bytes silently.
    ...{ textDecoder: new TextDecoder('utf-8', { fatal: true }) },
  };
}
