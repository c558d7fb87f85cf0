import { createHash } from 'node:crypto';
import type { Call } from '../../kernel/call.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import { type Destination, isRoute } from '../resolve.ts';
import { canonicalText } from './canonical.ts';

/** Of this file's rules: another one, and nothing that was kept before is found. */
const version = 'llm-bridge cache 1';

/** What the answers of a destination depend on beside the request. */
interface Place {
  /** Which targets there are: answers of those that are gone are not found any more. */
  readonly text: string;
  /** Callers' headers that reach some provider of it. */
  readonly headers: readonly string[];
}

const places = new WeakMap<Destination, Place>();

const part = (text: string): string => `${text.length}"${text}`;

function placeOf(destination: Destination): Place {
  const known = places.get(destination);
  if (known !== undefined) return known;
  const targets = isRoute(destination) ? destination.targets : [destination];
  const headers = new Set(targets.flatMap(({ provider }) => provider.forwards?.request ?? []));
  const place = {
    text:
      (isRoute(destination) ? `route ${part(destination.name)}` : 'target ') +
      targets.map(({ provider, model }) => part(provider.name) + part(provider.type.type) + part(model)).join(''),
    headers: [...headers].sort(),
  };
  places.set(destination, place);
  return place;
}

/**
 * What an answer is kept by: SHA-256 over all that it depends on, and over who asks, since nobody is given what another
 * user was answered. Anonymous callers are one user.
 */
export function cacheKey(call: Call, destination: Destination, request: ChatRequest): string {
  const { text, headers } = placeOf(destination);
  const hash = createHash('sha256').update(version + part(call.principal.user) + text);
  for (const name of headers) {
    const value = call.headers[name];
    if (value !== undefined) hash.update(part(name) + part(String(value)));
  }
  return hash.update(`\n${canonicalText(request)}`).digest('base64url');
}
