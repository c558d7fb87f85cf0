import type { HttpFailure } from '../../kernel/adapter.ts';
import type { Fault } from '../../kernel/fault.ts';
import { isObject, text, tryParseObject, utf8 } from '../shared/json-body.ts';
import { faultOfFailure, providerFault } from '../shared/provider-fault.ts';

/** The API's own status for a prompt that its filter blocks. */
const blocked = 498;

/** Classifies an answer that is no success: `{"message":"..."}`, or `{"error":...}` of what stands before the API. */
export function fault(failure: HttpFailure): Fault {
  const body = tryParseObject(utf8(failure.body));
  const error = body?.['error'];
  const message = text(body?.['message']) || text(isObject(error) ? error['message'] : error) || undefined;
  return faultOfFailure(failure, { message, blame: failure.status === blocked ? 'content' : undefined });
}

/** The fault of a message that ended in a failure of the provider's. */
export const faultOfEnd = (reason: string, message: string): Fault =>
  providerFault({ status: 0, code: reason, message: message || undefined, blame: 'provider' });
