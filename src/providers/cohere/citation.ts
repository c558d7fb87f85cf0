import type { Citation } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { count, isObject, type JsonObject, list, text } from '../shared/json-body.ts';

/** A citation by its first source; all of them stand in its own form. */
export function citationOf(citation: JsonObject, source: string): Citation {
  const [first] = list(citation['sources']);
  const cited = isObject(first) ? (first['document'] ?? first['tool_output']) : undefined;
  const document = isObject(cited) ? cited : {};
  const start = count(citation['start']);
  const end = count(citation['end']);
  return {
    $typeName: 'llmbridge.v1.Citation',
    url: text(document['url']),
    title: text(document['title']),
    citedText: text(citation['text']),
    ...(start !== undefined && { startIndex: start }),
    ...(end !== undefined && { endIndex: end }),
    native: source,
  };
}
