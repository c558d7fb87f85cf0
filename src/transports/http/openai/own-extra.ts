import { invalidField } from '../../../kernel/fault.ts';
import { type Extra, keep } from './extra.ts';
import type { Place } from './place.ts';
import { isObject, objectAt } from './read.ts';

/** This project's `extra`: an object of parameters by provider type, or the same as JSON text, as in the proto. */
export function extraAt(owner: { readonly extra: Extra }, value: unknown, at: Place, key: string): void {
  const object = objectAt(value, at, key);
  const place = at.at(key);
  at.traits.plain = false;
  for (const provider in object) {
    const text = textOf(object[provider], place, provider);
    if (provider === '*') keep(owner.extra, text);
    else if (provider === '__proto__') throw invalidField(place.pathOf(provider), 'is not a usable key');
    else owner.extra[provider] = text;
  }
}

function textOf(value: unknown, at: Place, key: string): string {
  if (isObject(value)) return at.textOf(key);
  if (typeof value === 'string') {
    try {
      if (isObject(JSON.parse(value))) return value.trim();
    } catch {
      // Told below, with the path.
    }
  }
  throw invalidField(at.pathOf(key), 'must be an object, or the JSON text of one');
}
