import { ParameterAction, type ParameterNote } from '../../gen/es/llmbridge/v1/report_pb.ts';
import type { EncodedRequest } from '../kernel/adapter.ts';
import type { Call, Dialect, SourceText } from '../kernel/call.ts';
import { Fault } from '../kernel/fault.ts';
import type { ChatRequest } from '../kernel/messages.ts';
import type { Target } from '../kernel/provider.ts';

/** The request in a target's dialect. Throws PARAMETER_UNSUPPORTED for what is lost on the way where the caller is strict. */
export function encode(
  request: ChatRequest,
  source: SourceText | undefined,
  { provider, model }: Target,
  key: number,
  stream: boolean,
): EncodedRequest {
  const apiKey = provider.keys[key] ?? '';
  const encoded = provider.adapter.encode({ request, source, model, apiKey, stream });
  if (request.strict) refuseLosses(encoded.notes, provider.name);
  return encoded;
}

/** The dialect in which the caller may have an answer as it comes; undefined where it is put together, or kept for others. */
export const readsAsItComes = ({ source, cacheResult }: Call): Dialect | undefined =>
  cacheResult === '' ? source?.dialect : undefined;

function refuseLosses(notes: readonly ParameterNote[], provider: string): void {
  const lost = notes.filter(({ action }) => action !== ParameterAction.MAPPED);
  if (lost.length === 0) return;
  throw new Fault('PARAMETER_UNSUPPORTED', `${provider} cannot take ${lost.map(({ name }) => name).join(', ')}`, {
    blame: 'caller',
    violations: lost.map(({ name, detail }) => ({ field: name, description: detail || 'has no place there' })),
    metadata: { provider },
  });
}
