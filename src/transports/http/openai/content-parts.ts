import type { ContentPart } from '../../../../gen/es/llmbridge/v1/content_pb.ts';
import { invalidField } from '../../../kernel/fault.ts';
import { newPart } from '../../../kernel/messages.ts';
import { type PartKind, partKinds } from './part-kinds.ts';
import type { Place } from './place.ts';
import { arrayAt, isObject, type JsonObject, objectAt, stringAt } from './read.ts';

/** An array of content parts. A `type` that has no typed place is a block of whichever provider serves the call. */
export function partsAt(value: unknown, at: Place, key: string): ContentPart[] {
  const place = at.at(key);
  return arrayAt(value, at, key).map((item, i) => {
    const object = objectAt(item, place, i);
    const part = place.at(i);
    const kind = partKinds.get(stringAt(object['type'], part, 'type'));
    // Mistral's part of this name holds an array, which is that provider's own affair.
    const foreign = kind === undefined || (object['type'] === 'thinking' && typeof object['thinking'] !== 'string');
    return foreign ? nativeBlock(part) : readPart(kind, object, part);
  });
}

const nativeBlock = (at: Place): ContentPart =>
  newPart({ case: 'native', value: { $typeName: 'llmbridge.v1.NativePart', provider: '', json: at.text } });

/** Reads a part and sees that what makes it one is there. */
export function readPart(kind: PartKind, object: JsonObject, at: Place): ContentPart {
  const { required, source } = kind;
  if (required !== undefined && (object[required] ?? null) === null)
    throw invalidField(at.pathOf(required), 'is required');
  const part = kind.read(object, at);
  const value = part.part.value;
  if (source !== undefined && required !== undefined && value !== undefined && 'source' in value) {
    const place = isObject(object[required]) ? at.at(required) : at;
    if (value.source.case === undefined) throw invalidField(place.pathOf(source), 'is required');
  }
  return part;
}
