import type { WireError } from '../dialect.ts';
import type { SimulatedError } from '../simulated-error.ts';

/** `Retry-After`, where the error says when. */
export const retryHeader = ({ retryAfter }: SimulatedError): Readonly<Record<string, string>> =>
  retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };

/** OpenAI's errors, of chat completions and responses alike. */
export const openAiError = (error: SimulatedError): WireError => ({
  status: error.status,
  headers: retryHeader(error),
  body: JSON.stringify({ error: error.body }),
});
