import type { ContentPart, ReasoningPart } from '../../../../gen/es/llmbridge/v1/content_pb.ts';
import { newPart } from '../../../kernel/messages.ts';
import { readPart } from './content-parts.ts';
import { keep } from './extra.ts';
import { emptyReasoning } from './literals.ts';
import { extraAt } from './own-extra.ts';
import { redactedThinking, thinking } from './part-kinds.ts';
import type { Place } from './place.ts';
import { arrayAt, type Field, fields, ignore, objectAt, own, readMembers, setString, stringAt } from './read.ts';

interface Draft {
  readonly reasoning: ReasoningPart;
  readonly part: ContentPart;
}

const inside =
  (field: Field<ReasoningPart>): Field<Draft> =>
  ({ reasoning }, value, at, key) =>
    field(reasoning, value, at, key);

const table = fields<Draft>({
  type: ignore,
  index: ignore,
  id: inside(setString('id')),
  text: inside(setString('text')),
  summary: inside(setString('text')),
  signature: inside(setString('signature')),
  data: inside(setString('redacted')),
  signed_by: own(({ part }, value, at, key) => {
    part.signedBy = stringAt(value, at, key);
  }),
  extra: ({ part }, value, at, key) => extraAt(part, value, at, key),
});

/**
 * `reasoning_details` of an assistant's message, as our answers (and OpenRouter's) spell them: `reasoning.text` with
 * `text` and `signature`, `reasoning.summary` with `summary`, `reasoning.encrypted` with `data`.
 */
export function reasoningDetailsAt(value: unknown, at: Place, key: string): ContentPart[] {
  const place = at.at(key);
  return arrayAt(value, at, key).map((item, i) => {
    const object = objectAt(item, place, i);
    const entry = place.at(i);
    const reasoning = emptyReasoning();
    reasoning.summary = stringAt(object['type'], entry, 'type') === 'reasoning.summary';
    const part = newPart({ case: 'reasoning', value: reasoning });
    const unknown = readMembers({ reasoning, part }, object, entry, table);
    if (unknown !== undefined) keep(part.extra, unknown);
    return part;
  });
}

/** `thinking_blocks`, as other gateways spell the same: Anthropic's own blocks. */
export function thinkingBlocksAt(value: unknown, at: Place, key: string): ContentPart[] {
  const place = at.at(key);
  return arrayAt(value, at, key).map((item, i) => {
    const object = objectAt(item, place, i);
    const redacted = stringAt(object['type'], place.at(i), 'type') === 'redacted_thinking';
    return readPart(redacted ? redactedThinking : thinking, object, place.at(i));
  });
}
