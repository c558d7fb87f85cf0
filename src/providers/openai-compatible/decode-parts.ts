import type { Citation, ContentPart } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { newPart } from '../../kernel/messages.ts';
import { count, isObject, type JsonObject, text } from '../shared/json-body.ts';

const nothing = new Uint8Array();

/** An annotation as a piece of the text part that it belongs to. */
export function annotationCitation(annotation: JsonObject): ContentPart {
  return newPart({
    case: 'text',
    value: { $typeName: 'llmbridge.v1.TextPart', text: '', citations: [citation(annotation)], signature: nothing },
  });
}

function citation(annotation: JsonObject): Citation {
  const cited = annotation['url_citation'];
  const of = isObject(cited) ? cited : {};
  return {
    $typeName: 'llmbridge.v1.Citation',
    url: text(of['url']),
    title: text(of['title']),
    citedText: text(of['content']),
    startIndex: count(of['start_index']),
    endIndex: count(of['end_index']),
    native: JSON.stringify(annotation),
  };
}

const dataUrl = /^data:([^;,]*)(?:;[^,]*)?;base64,/;

/** A picture of the answer; undefined where there is none in it. */
export function imagePart(image: JsonObject): ContentPart | undefined {
  const holder = image['image_url'];
  const url = isObject(holder) ? text(holder['url']) : text(holder);
  if (url === '') return undefined;
  const inline = dataUrl.exec(url);
  return newPart({
    case: 'image',
    value: {
      $typeName: 'llmbridge.v1.ImagePart',
      source:
        inline === null ? { case: 'url', value: url } : { case: 'data', value: bytesOf(url.slice(inline[0].length)) },
      mediaType: inline?.[1] ?? '',
      detail: '',
      signature: nothing,
    },
  });
}

/** Sound of the answer, or a piece of it. Its id, by which a later turn names it, stands in `extra`. */
export function audioPart(audio: JsonObject, type: string): ContentPart {
  const data = text(audio['data']);
  const id = text(audio['id']);
  const part = newPart({
    case: 'audio',
    value: {
      $typeName: 'llmbridge.v1.AudioPart',
      source: data === '' ? { case: undefined } : { case: 'data', value: bytesOf(data) },
      format: '',
      transcript: text(audio['transcript']),
      expiresAt: count(audio['expires_at']) ?? 0,
    },
  });
  if (id !== '') part.extra[type] = JSON.stringify({ id });
  return part;
}

/** A block that only this provider knows. */
export const nativePart = (block: JsonObject, provider: string): ContentPart =>
  newPart({
    case: 'native',
    value: { $typeName: 'llmbridge.v1.NativePart', provider, json: JSON.stringify(block) },
  });

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(base64, 'base64'));
