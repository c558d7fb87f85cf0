import { type JsonInput, members, RawJson, setMember } from '../../kernel/json-text.ts';
import type { Body } from './provider.ts';

/** An object's text as its members, each in its own spelling. */
export function objectOf(json: string): Body {
  const body: Body = {};
  for (const [name, value] of members(json)) setMember(body, name, new RawJson(value));
  return body;
}

/** An object of the request with what its `extra` has for any provider and for this one; it replaces no member, but completes objects. */
export function withExtra(encoded: Body, extra: { readonly [type: string]: string }, type: string): Body {
  for (const key of ['*', type]) {
    const json = extra[key];
    if (json !== undefined && json !== '') complete(encoded, json);
  }
  return encoded;
}

function complete(object: Body, json: string): Body {
  for (const [name, value] of members(json)) {
    const held = Object.hasOwn(object, name) ? object[name] : undefined;
    if (held === undefined || held === null) setMember(object, name, new RawJson(value));
    else if (isOpen(held) && value.startsWith('{')) setMember(object, name, complete({ ...held }, value));
  }
  return object;
}

/** Whether it is an object of members, and no text that the caller wrote. */
const isOpen = (value: JsonInput): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof RawJson);
