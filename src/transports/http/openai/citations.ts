import type { Citation } from '../../../../gen/es/llmbridge/v1/content_pb.ts';
import { type Extra, keepMember } from './extra.ts';
import { emptyCitation } from './literals.ts';
import type { Place } from './place.ts';
import { arrayAt, fields, isObject, objectAt, readMembers, setCount, setString, setText } from './read.ts';

const table = fields<Citation>({
  url: setString('url'),
  title: setString('title'),
  cited_text: setString('citedText'),
  start_index: setCount('startIndex'),
  end_index: setCount('endIndex'),
  native: setText('native'),
});

/**
 * OpenAI's `annotations`: `{"type": "url_citation", "url_citation": {url, title, start_index, end_index}}`, with our
 * `cited_text` and `native` (the citation in the provider's own form) beside those; `"type": "citation"` for what has
 * no URL. An annotation of another kind is kept whole in the owner's `extra`.
 */
export function citationsAt(value: unknown, at: Place, key: string, extra: Extra): Citation[] {
  const place = at.at(key);
  const citations: Citation[] = [];
  const others: string[] = [];
  arrayAt(value, at, key).forEach((item, i) => {
    const annotation = objectAt(item, place, i);
    const type = annotation['type'];
    const inner = type === 'url_citation' || type === 'citation' ? annotation[type] : undefined;
    if (!isObject(inner)) {
      others.push(place.textOf(i));
      return;
    }
    const citation = emptyCitation();
    // What this project has no place for stays readable in the citation's own text.
    const innerPlace = place.at(i).at(type as string);
    const unknown = readMembers(citation, inner, innerPlace, table);
    if (unknown !== undefined && citation.native === '') citation.native = innerPlace.text;
    citations.push(citation);
  });
  if (others.length > 0) keepMember(extra, key, `[${others.join(',')}]`);
  return citations;
}
