import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ChatCompletionResponseSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { GatewayReportSchema } from '../../../gen/es/llmbridge/v1/report_pb.ts';
import type { ChatRequest, ChatResponse } from '../../kernel/messages.ts';
import { mayKeep } from './rules.ts';

/** An answer as it is kept: of its report only who answered, and what became of the parameters. */
export function encodeKept(response: ChatResponse): Uint8Array {
  const { provider = '', model = '', simulated = false, parameters = [] } = response.report ?? {};
  const report = create(GatewayReportSchema, { provider, model, simulated, parameters });
  return toBinary(ChatCompletionResponseSchema, { ...response, report });
}

/** Reads it again; undefined for what can't have been kept as an answer to this request. */
export function decodeKept(bytes: Uint8Array, request: ChatRequest): ChatResponse | undefined {
  try {
    const response = fromBinary(ChatCompletionResponseSchema, bytes);
    return mayKeep(request, response) && response.sealed === undefined ? response : undefined;
  } catch {
    return undefined;
  }
}
