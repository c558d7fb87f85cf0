import type { HttpFailure } from '../../kernel/adapter.ts';
import { type Blame, Fault, type FaultReason } from '../../kernel/fault.ts';
import { publicText } from './public-text.ts';
import { retryAfterMs } from './retry-after.ts';

/** What an adapter read from a provider's error. */
export interface ProviderError {
  /** The HTTP status; of an error event, the status that it would have been, or 0. */
  readonly status: number;
  /** The provider's words; handed on, cleaned, only where they are about the caller's request. */
  readonly message?: string | undefined;
  /** The provider's own error code. */
  readonly code?: string | undefined;
  /** The request field that the provider complains of. */
  readonly param?: string | undefined;
  /** What the error's code says; without it the status decides. */
  readonly blame?: Blame | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** Whose doing an answer of this status is, where nothing better is known. */
export function blameForStatus(status: number): Blame {
  if (status === 401 || status === 402 || status === 403) return 'credential';
  if (status === 404) return 'target';
  if (status === 429) return 'limit';
  if (status === 408 || status === 409 || status === 425 || status >= 500 || status < 400) return 'provider';
  return 'caller';
}

/** Words that providers use for a prompt that the model cannot hold; few of them have a code for it. */
const tooLong =
  /context.?(length|window|size)|maximum (context|prompt|input|sequence)|too many (input )?tokens|(prompt|input|request) is too long|prompt too long|exceed\w* (the )?(model'?s? )?(max\w* )?(context|token limit|input token|tokens? limit)|reduce the length|input token count|longer than the model/i;

/** Whether a 400's or 413's words say that the prompt is too long for the model. */
export const saysTooLong = (message: string): boolean => tooLong.test(message);

const reasons: Readonly<Record<Blame, FaultReason>> = {
  caller: 'PROVIDER_REJECTED',
  context: 'CONTEXT_LENGTH_EXCEEDED',
  content: 'CONTENT_REJECTED',
  limit: 'PROVIDER_RATE_LIMITED',
  credential: 'PROVIDER_CREDENTIAL',
  target: 'MODEL_NOT_FOUND',
  provider: 'PROVIDER_UNAVAILABLE',
};

const plain: Readonly<Record<Blame, string>> = {
  caller: 'the provider rejected the request',
  context: 'the request is too long for this model',
  content: 'the provider refused the content',
  limit: 'the provider limits our rate',
  credential: 'the provider refused the configured credential',
  target: 'the provider does not know this model',
  provider: 'the provider failed',
};

/** Texts about the caller's own request; all others may name our key, account, quota or machines. */
const handedOn: ReadonlySet<Blame> = new Set<Blame>(['caller', 'context', 'content']);

function blameOf(status: number, message: string | undefined): Blame {
  const mayBeTooLong = status === 400 || status === 413 || status === 422;
  return mayBeTooLong && message !== undefined && saysTooLong(message) ? 'context' : blameForStatus(status);
}

/** Texts that help the operator and name no key and no content; they are logged, never sent. */
const logged: ReadonlySet<string> = new Set<Blame>(['limit', 'target', 'provider']);

/** The Fault of a provider's error, with a message that is fit for the caller. */
export function providerFault(error: ProviderError): Fault {
  const { status, message } = error;
  const blame = error.blame ?? blameOf(status, message);
  const words = message !== undefined && handedOn.has(blame) ? publicText(message) : '';
  const where = status > 0 ? ` (HTTP ${status})` : '';
  return new Fault(
    status === 413 && blame === 'caller' ? 'TOO_LARGE' : reasons[blame],
    words || `${plain[blame]}${where}`,
    {
      blame,
      status,
      ...(message !== undefined && logged.has(blame) ? { cause: publicText(message) } : undefined),
      ...(error.code ? { providerCode: error.code } : undefined),
      ...(error.param ? { violations: [{ field: error.param, description: words || plain[blame] }] } : undefined),
      ...(error.retryAfterMs === undefined ? undefined : { retryAfterMs: error.retryAfterMs }),
      metadata: {
        ...(status > 0 ? { status: String(status) } : undefined),
        ...(error.code ? { code: error.code } : undefined),
      },
    },
  );
}

/** The fault of a stream whose body ended before its answer did. */
export const streamCut = (): Fault =>
  new Fault('PROVIDER_STREAM_CUT', 'the provider ended the stream before the answer was whole', { blame: 'provider' });

/** `providerFault` of an HTTP answer: its status and `Retry-After`, and what the adapter read from the body. */
export function faultOfFailure(failure: HttpFailure, read: Omit<ProviderError, 'status' | 'retryAfterMs'>): Fault {
  return providerFault({
    ...read,
    status: failure.status,
    retryAfterMs: retryAfterMs(failure.headers, failure.now),
  });
}
