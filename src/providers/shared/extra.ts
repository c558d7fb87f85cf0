import { members, setMember, splice } from '../../kernel/json-text.ts';
import type { Notes } from './notes.ts';

/** Routing at a provider, in the spelling of those that have it. It would reach models that the caller may not ask for. */
export const gatewayMembers: readonly string[] = ['models', 'route', 'fallbacks', 'api_key', 'base_url', 'api_base'];

/**
 * What extra parameters never set, in any dialect: what is asked and of whom, with which credentials, how it is routed
 * and how much it may cost. All of these have typed places, or none on purpose.
 */
const refused: ReadonlySet<string> = new Set([
  ...gatewayMembers,
  'model',
  'modelId',
  'messages',
  'contents',
  'input',
  'provider',
  'routing',
  'deployment',
  'stream',
  'stream_options',
  'apiKey',
  'authorization',
  'baseUrl',
  'endpoint',
  'url',
  'headers',
  'extra_headers',
  'n',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'maxTokens',
  'maxOutputTokens',
  'candidateCount',
  'num_predict',
]);

/**
 * The body with `extra["*"]` and then `extra[type]` merged in: objects member by member, all else replaced. Members that
 * a caller may not set are left out at any depth where the body itself has such a member, and noted as REFUSED.
 * `body` and the extras are JSON object texts; the extras have been validated.
 */
export function mergeExtra(
  body: string,
  extra: { readonly [type: string]: string },
  type: string,
  notes: Notes,
  allowed?: ReadonlySet<string>,
): string {
  let merged = body;
  for (const key of ['*', type]) {
    const json = extra[key];
    if (json !== undefined && json !== '') merged = merge(merged, json, `extra.${key}`, notes, allowed, 0);
  }
  return merged;
}

function merge(
  into: string,
  from: string,
  path: string,
  notes: Notes,
  allowed: ReadonlySet<string> | undefined,
  depth: number,
): string {
  const existing = members(into);
  const changes: Record<string, string> = {};
  for (const [key, value] of members(from)) {
    const held = existing.get(key);
    if (refused.has(key) && !allowed?.has(key) && (depth === 0 || held !== undefined || isLimit(key))) {
      notes.refused(`${path}.${key}`, 'extra parameters may not set this');
    } else if (held?.startsWith('{') && value.startsWith('{')) {
      setMember(changes, key, merge(held, value, `${path}.${key}`, notes, allowed, depth + 1));
    } else {
      setMember(changes, key, value);
    }
  }
  return splice(into, changes);
}

const isLimit = (key: string): boolean => key.startsWith('max') || key === 'candidateCount' || key === 'num_predict';
