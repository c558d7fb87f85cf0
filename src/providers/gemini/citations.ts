import type { Citation } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { elements, valueAt } from '../../kernel/json-text.ts';
import { isObject, type JsonObject, list, text } from '../shared/json-body.ts';

/**
 * What an answer rests on, of a candidate's `groundingMetadata` and `citationMetadata`, whose source is `json`. The
 * provider counts bytes of UTF-8; `answer` is the text that they are counted in.
 */
export function citationsOf(candidate: JsonObject, json: string, answer: string): Citation[] {
  const bytes = Buffer.from(answer);
  const at = (offset: unknown): number | undefined =>
    typeof offset === 'number' && offset <= bytes.length ? bytes.toString('utf8', 0, offset).length : undefined;
  return [
    ...groundings(candidate['groundingMetadata'], json, at),
    ...recitations(candidate['citationMetadata'], json, at),
  ];
}

type Place = (offset: unknown) => number | undefined;

const citation = (
  source: JsonObject,
  citedText: string,
  start: number,
  end: number | undefined,
  native: string,
): Citation => ({
  $typeName: 'llmbridge.v1.Citation',
  url: text(source['uri']),
  title: text(source['title']),
  citedText,
  ...(end !== undefined && { startIndex: start, endIndex: end }),
  native,
});

/** One for each source of each segment of the text. */
function groundings(metadata: unknown, json: string, at: Place): Citation[] {
  if (!isObject(metadata)) return [];
  const chunks = list(metadata['groundingChunks']);
  const supports = list(metadata['groundingSupports']);
  if (supports.length === 0) return [];
  const sources = elements(valueAt(json, ['groundingMetadata', 'groundingSupports']) ?? '[]');
  return supports.flatMap((support, index) => {
    if (!isObject(support)) return [];
    const segment = isObject(support['segment']) ? support['segment'] : {};
    // Offsets within a later part tell nothing of the whole text.
    const end = segment['partIndex'] ? undefined : at(segment['endIndex']);
    return list(support['groundingChunkIndices']).map((chunk) =>
      citation(
        sourceOf(chunks[Number(chunk)]),
        text(segment['text']),
        at(segment['startIndex'] ?? 0) ?? 0,
        end,
        sources[index] ?? '',
      ),
    );
  });
}

/** A chunk is a union of kinds of sources: the web, a store of documents, maps. */
function sourceOf(chunk: unknown): JsonObject {
  const kind = isObject(chunk) ? Object.values(chunk)[0] : undefined;
  return isObject(kind) ? kind : {};
}

/** Places where the answer repeats a source; Vertex AI and the Gemini API name the list differently. */
function recitations(metadata: unknown, json: string, at: Place): Citation[] {
  if (!isObject(metadata)) return [];
  const name = 'citationSources' in metadata ? 'citationSources' : 'citations';
  const sources = elements(valueAt(json, ['citationMetadata', name]) ?? '[]');
  return list(metadata[name]).flatMap((source, index) =>
    isObject(source)
      ? [citation(source, '', at(source['startIndex'] ?? 0) ?? 0, at(source['endIndex']), sources[index] ?? '')]
      : [],
  );
}
