import type { CacheControl } from '../../../gen/es/llmbridge/v1/cache_control_pb.ts';
import type {
  ContentPart,
  FilePart,
  ImagePart,
  ReasoningPart,
  TextPart,
} from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { type JsonInput, RawJson, splice, toJson } from '../../kernel/json-text.ts';
import { type JsonObject, text as textOf, utf8 } from '../shared/json-body.ts';
import { base64, dataUrl, sniffImage } from '../shared/media.ts';
import type { Notes } from '../shared/notes.ts';
import { nativeBlock, nativeCitations, withExtra } from '../shared/own-blocks.ts';
import { knownPart } from '../shared/signed-part.ts';
import type { JsonMembers } from '../shared/turns.ts';
import { dialect } from './dialect.ts';

/** A content block of a request; raw where it is the provider's own. */
export type Block = JsonMembers | RawJson;

/** A cache mark as `cache_control` wants it. */
const cacheControl = (mark: CacheControl | undefined): JsonInput =>
  mark && { type: mark.type || 'ephemeral', ttl: mark.ttl || undefined };

/** The block with a cache mark, where there is one. */
export function marked(block: Block, mark: CacheControl | undefined): Block {
  if (mark === undefined) return block;
  const value = cacheControl(mark);
  if (block instanceof RawJson) return new RawJson(splice(block.text, { cache_control: toJson(value) }));
  block['cache_control'] = value;
  return block;
}

/** Whose signatures it takes: Claude's are the same wherever it is served (Extended thinking, "across platforms"). */
const signers = new Set(['anthropic', 'bedrock']);

/** A part as a block; undefined for one that says nothing or cannot be carried, the latter with a note. */
export function blockOf(part: ContentPart, path: string, notes: Notes): Block | undefined {
  const block = bareBlock(knownPart(part, signers, path, notes), path, notes);
  if (block === undefined || block instanceof RawJson) return block;
  return withExtra(block, part.extra, dialect, path, notes);
}

function bareBlock({ part }: ContentPart, path: string, notes: Notes): Block | undefined {
  switch (part.case) {
    case 'text':
      return textBlock(part.value, path, notes);
    case 'image':
      return imageBlock(part.value, path, notes);
    case 'file':
      return fileBlock(part.value, path, notes);
    case 'refusal':
      return part.value.refusal === '' ? undefined : { type: 'text', text: part.value.refusal };
    case 'reasoning':
      return reasoningBlock(part.value, path, notes);
    case 'native':
      return nativeBlock(part.value, dialect, path, notes);
    case 'audio':
    case 'video':
      notes.dropped(`${path}.${part.case}`, `the provider takes no ${part.case}`);
      return undefined;
    default:
      return undefined;
  }
}

/** Empty text is refused by the API, and says nothing. */
function textBlock({ text, citations }: TextPart, path: string, notes: Notes): Block | undefined {
  if (text === '' && citations.length === 0) return undefined;
  const own = nativeCitations(citations, isCitation, path, notes);
  return { type: 'text', text, citations: own.length > 0 ? own : undefined };
}

function imageBlock({ source, mediaType, detail }: ImagePart, path: string, notes: Notes): Block | undefined {
  if (detail !== '' && detail !== 'auto') notes.dropped(`${path}.image.detail`);
  const inline = source.case === 'url' ? dataUrl(source.value) : undefined;
  if (inline) return { type: 'image', source: { type: 'base64', media_type: inline.mediaType, data: inline.base64 } };
  switch (source.case) {
    case 'data': {
      const type = mediaType || sniffImage(source.value) || 'image/png';
      return { type: 'image', source: { type: 'base64', media_type: type, data: base64(source.value) } };
    }
    case 'url':
      return { type: 'image', source: { type: 'url', url: source.value } };
    case 'fileId':
      return { type: 'image', source: { type: 'file', file_id: source.value } };
    default:
      notes.dropped(`${path}.image`, 'it has no source');
      return undefined;
  }
}

/** PDFs and plain text are documents; pictures sent as files are pictures. */
function fileBlock(file: FilePart, path: string, notes: Notes): Block | undefined {
  const source = documentSource(file, path, notes);
  if (source === undefined) return undefined;
  if (source['media_type']?.toString().startsWith('image/')) return { type: 'image', source };
  return {
    type: 'document',
    source,
    title: file.filename || undefined,
    citations: file.citations === undefined ? undefined : { enabled: file.citations },
  };
}

function documentSource(
  { source, mediaType }: FilePart,
  path: string,
  notes: Notes,
): { [k: string]: string } | undefined {
  if (source.case === 'fileId') return { type: 'file', file_id: source.value };
  const inline = source.case === 'url' ? dataUrl(source.value) : undefined;
  if (source.case === 'url' && inline === undefined) return { type: 'url', url: source.value };
  const bytes = source.case === 'data' ? source.value : inline && Buffer.from(inline.base64, 'base64');
  if (bytes === undefined) {
    notes.dropped(`${path}.file`, 'it has no source');
    return undefined;
  }
  const type = mediaType || inline?.mediaType || 'application/pdf';
  if (type.startsWith('text/') || type === 'application/json') {
    return { type: 'text', media_type: 'text/plain', data: utf8(bytes) };
  }
  if (type !== 'application/pdf' && !type.startsWith('image/')) {
    notes.dropped(`${path}.file`, `the provider takes no ${type}`);
    return undefined;
  }
  return { type: 'base64', media_type: type, data: base64(bytes) };
}

/** Reasoning goes back only with its proof: the API refuses any other, and no model reads what it did not think. */
function reasoningBlock(reasoning: ReasoningPart, path: string, notes: Notes): Block | undefined {
  const { text, signature, redacted, id } = reasoning;
  if (id === '' && redacted !== '') return { type: 'redacted_thinking', data: redacted };
  if (id === '' && signature !== '') return { type: 'thinking', thinking: text, signature };
  if (text !== '' || redacted !== '' || signature !== '') {
    notes.dropped(`${path}.reasoning`, 'without the provider’s own signature');
  }
  return undefined;
}

/** All kinds are named for where they point to: `char_location`, `web_search_result_location`. */
const isCitation = ({ type }: JsonObject): boolean => textOf(type).endsWith('_location');
