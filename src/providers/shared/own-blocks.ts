import type { Citation, NativePart } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { members, RawJson, setMember } from '../../kernel/json-text.ts';
import { type JsonObject, tryParseObject } from './json-body.ts';
import type { Notes } from './notes.ts';
import { rawObject } from './raw-object.ts';
import type { JsonMembers } from './turns.ts';

/** The block with what `extra` has for `dialect`, member by member. */
export function withExtra(
  block: JsonMembers,
  extra: { readonly [provider: string]: string },
  dialect: string,
  path: string,
  notes: Notes,
): JsonMembers {
  for (const provider of ['*', dialect]) {
    const json = extra[provider];
    if (json === undefined || json === '') continue;
    const raw = rawObject(json);
    if (raw === undefined) notes.dropped(`${path}.extra.${provider}`, 'not a JSON object');
    else for (const [name, value] of members(raw.text)) setMember(block, name, new RawJson(value));
  }
  return block;
}

/** A block of the provider's own, as it came from it; undefined, with a note, for another's. */
export function nativeBlock(native: NativePart, dialect: string, path: string, notes: Notes): RawJson | undefined {
  const raw = native.provider === dialect ? rawObject(native.json) : undefined;
  if (raw === undefined) notes.dropped(`${path}.native`, `a block of ${native.provider || 'no provider'}`);
  return raw;
}

/**
 * The citations that came from the provider, in its own form; others have no place there. They do not say whose they
 * are: `isOwn` tells by their members.
 */
export function nativeCitations(
  citations: readonly Citation[],
  isOwn: (citation: JsonObject) => boolean,
  path: string,
  notes: Notes,
): RawJson[] {
  const own: RawJson[] = [];
  for (const { native } of citations) {
    const citation = tryParseObject(native);
    if (citation && isOwn(citation)) own.push(new RawJson(native.trim()));
  }
  if (own.length < citations.length) notes.dropped(`${path}.text.citations`, 'not in the provider’s own form');
  return own;
}
