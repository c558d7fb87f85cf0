import type { HttpFailure } from '../../kernel/adapter.ts';
import type { Fault } from '../../kernel/fault.ts';
import { isObject, type JsonObject, text, tryParseObject, utf8 } from '../shared/json-body.ts';
import { blameForStatus, faultOfFailure, providerFault, saysTooLong } from '../shared/provider-fault.ts';

/** `{"error":"..."}`; what stands before the server may answer with an object. */
function messageOf(body: JsonObject | undefined): string | undefined {
  const error = body?.['error'];
  return text(isObject(error) ? error['message'] : error) || undefined;
}

/** Classifies an answer that is no success. */
export const fault = (failure: HttpFailure): Fault =>
  faultOfFailure(failure, { message: messageOf(tryParseObject(utf8(failure.body))) });

/** The fault of an error amid a stream, or in a 200. Some tell the status that they would have come with. */
export function faultOfLine(line: JsonObject): Fault {
  const message = messageOf(line);
  const status = typeof line['status'] === 'number' ? line['status'] : 0;
  const blame = message !== undefined && saysTooLong(message) ? 'context' : blameForStatus(status);
  return providerFault({ status, message, blame });
}
