import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { StatusSchema } from '../../../gen/es/google/rpc/status_pb.ts';
import { encodeMessage } from '../grpc-message.ts';
import type { RpcStatus } from '../status.ts';

/** A status as gRPC's trailers tell it: `grpc-status`, `grpc-message` and `grpc-status-details-bin`. */
export function statusHeaders({ code, message, details }: RpcStatus): Record<string, string> {
  const headers: Record<string, string> = { 'grpc-status': String(code), 'grpc-message': encodeMessage(message) };
  if (details.length > 0) {
    const packed = details.map(({ desc, value }) => anyPack(desc, create(desc, value)));
    const status = toBinary(StatusSchema, create(StatusSchema, { code, message, details: packed }));
    headers['grpc-status-details-bin'] = Buffer.from(status).toString('base64').replace(/=+$/, '');
  }
  return headers;
}
