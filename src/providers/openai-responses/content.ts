import type { AudioPart, ContentPart, FilePart, ImagePart } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { members, RawJson } from '../../kernel/json-text.ts';
import { base64, sniffImage } from '../shared/media.ts';
import type { Notes } from '../shared/notes.ts';
import { withExtra } from '../shared/own-blocks.ts';
import { rawObject } from '../shared/raw-object.ts';
import type { JsonMembers } from '../shared/turns.ts';
import { dialect } from './dialect.ts';

/** A JSON object of a request: written here, or the provider's own. */
export type Block = JsonMembers | RawJson;

/** Content types; a block of any other type is an item. */
const contentTypes: ReadonlySet<string> = new Set([
  'input_text',
  'input_image',
  'input_file',
  'input_audio',
  'output_text',
  'refusal',
]);

/** Whether a block stands among the items rather than in a message. */
export function isItem(block: Block): boolean {
  if (!(block instanceof RawJson)) return false;
  const type: unknown = JSON.parse(members(block.text).get('type') ?? 'null');
  return typeof type === 'string' && !contentTypes.has(type);
}

/** A part of what is said to the model, as content or as an item of its own; undefined, with a note, for what has no form. */
export function inputBlock(part: ContentPart, path: string, type: string, notes: Notes): Block | undefined {
  if (part.cacheControl !== undefined) notes.dropped(`${path}.cache_control`, 'the provider caches by itself');
  const block = bareBlock(part, path, type, notes);
  return block === undefined || block instanceof RawJson ? block : withExtra(block, part.extra, dialect, path, notes);
}

function bareBlock({ part }: ContentPart, path: string, type: string, notes: Notes): Block | undefined {
  switch (part.case) {
    case 'text':
      if (part.value.citations.length > 0) notes.dropped(`${path}.text.citations`, 'only the text is sent');
      return { type: 'input_text', text: part.value.text };
    case 'refusal':
      return { type: 'input_text', text: part.value.refusal };
    case 'image':
      return image(part.value, path, notes);
    case 'file':
      return file(part.value, path, notes);
    case 'audio':
      return audio(part.value, path, notes);
    case 'video':
      notes.dropped(`${path}.video`, 'the provider takes no films');
      return undefined;
    case 'reasoning':
      notes.dropped(`${path}.reasoning`, 'only the assistant reasons');
      return undefined;
    case 'native':
      return ownBlock(part.value, path, type, notes);
    default:
      return undefined;
  }
}

/** A block or item of this dialect, under its own name, the provider type's, or none. */
export function ownBlock(
  native: { readonly provider: string; readonly json: string },
  path: string,
  type: string,
  notes: Notes,
): RawJson | undefined {
  const ours = native.provider === dialect || native.provider === type || native.provider === '';
  const raw = ours ? rawObject(native.json) : undefined;
  if (raw === undefined) notes.dropped(`${path}.native`, `a block of ${native.provider || 'no provider'}`);
  return raw;
}

const dataUrl = (mediaType: string, bytes: Uint8Array): string => `data:${mediaType};base64,${base64(bytes)}`;

function image({ source, mediaType, detail }: ImagePart, path: string, notes: Notes): JsonMembers | undefined {
  const level = detail || undefined;
  switch (source.case) {
    case 'url':
      return { type: 'input_image', image_url: source.value, detail: level };
    case 'data': {
      const type = mediaType || sniffImage(source.value) || 'image/png';
      return { type: 'input_image', image_url: dataUrl(type, source.value), detail: level };
    }
    case 'fileId':
      return { type: 'input_image', file_id: source.value, detail: level };
    default:
      notes.dropped(`${path}.image`, 'it has no source');
      return undefined;
  }
}

function file(
  { source, mediaType, filename, citations }: FilePart,
  path: string,
  notes: Notes,
): JsonMembers | undefined {
  if (citations !== undefined) notes.dropped(`${path}.file.citations`, 'citations cannot be asked for');
  const name = filename || undefined;
  switch (source.case) {
    case 'data': {
      const data = dataUrl(mediaType || 'application/pdf', source.value);
      return { type: 'input_file', filename: name ?? 'document', file_data: data };
    }
    case 'url':
      if (source.value.startsWith('data:')) {
        return { type: 'input_file', filename: name ?? 'document', file_data: source.value };
      }
      if (name !== undefined) notes.dropped(`${path}.file.filename`, 'the URL names it');
      return { type: 'input_file', file_url: source.value };
    case 'fileId':
      return { type: 'input_file', file_id: source.value };
    default:
      notes.dropped(`${path}.file`, 'it has no source');
      return undefined;
  }
}

function audio({ source, format }: AudioPart, path: string, notes: Notes): JsonMembers | undefined {
  if (source.case === 'data') {
    return { type: 'input_audio', input_audio: { data: base64(source.value), format: format || 'wav' } };
  }
  notes.dropped(`${path}.audio`, 'sound is sent whole');
  return undefined;
}
