import { members, RawJson } from '../../kernel/json-text.ts';
import type { Body } from './provider.ts';

/** An object's text as its members, each in its own spelling. */
export function objectOf(json: string): Body {
  const body: Body = {};
  for (const [name, value] of members(json)) body[name] = new RawJson(value);
  return body;
}

/** An object of the request with what its `extra` has for any provider and for this one; it replaces no member. */
export function withExtra(encoded: Body, extra: { readonly [type: string]: string }, type: string): Body {
  for (const key of ['*', type]) {
    const json = extra[key];
    if (json === undefined || json === '') continue;
    for (const [name, value] of members(json)) encoded[name] ??= new RawJson(value);
  }
  return encoded;
}
