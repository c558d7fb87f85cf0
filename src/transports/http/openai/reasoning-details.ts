import type { ContentPart, ReasoningPart } from '../../../../gen/es/llmbridge/v1/content_pb.ts';
import { newPart } from '../../../kernel/messages.ts';
import { readPart } from './content-parts.ts';
import { keep } from './extra.ts';
import { emptyReasoning } from './literals.ts';
import { redactedThinking, thinking } from './part-kinds.ts';
import type { Place } from './place.ts';
import { arrayAt, fields, ignore, objectAt, readMembers, setString, stringAt } from './read.ts';

const table = fields<ReasoningPart>({
  type: ignore,
  index: ignore,
  id: setString('id'),
  text: setString('text'),
  summary: setString('text'),
  signature: setString('signature'),
  data: setString('redacted'),
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
    const unknown = readMembers(reasoning, object, entry, table);
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
