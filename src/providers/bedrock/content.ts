import type { CacheControl } from '../../../gen/es/llmbridge/v1/cache_control_pb.ts';
import type {
  ContentPart,
  FilePart,
  ImagePart,
  ReasoningPart,
  TextPart,
} from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { type JsonInput, RawJson } from '../../kernel/json-text.ts';
import type { JsonObject } from '../shared/json-body.ts';
import { base64, dataUrl, sniffImage } from '../shared/media.ts';
import type { Notes } from '../shared/notes.ts';
import { nativeBlock, nativeCitations, withExtra } from '../shared/own-blocks.ts';
import { knownPart } from '../shared/signed-part.ts';
import { argumentsOf, type BlockDialect, type JsonMembers } from '../shared/turns.ts';
import { dialect } from './dialect.ts';
import { documentFormat, formatOf } from './formats.ts';

/** A content block of a request: a union by its one member; raw where it is the provider's own. */
export type Block = JsonMembers | RawJson;

/** A cache mark: a block of its own, behind what it marks. */
export const cachePoint = ({ ttl }: CacheControl): Block => ({
  cachePoint: { type: 'default', ttl: ttl || undefined },
});

/** How Converse writes messages (API reference, ContentBlock). */
export const blockDialect = (notes: Notes): BlockDialect<Block> => ({
  text: (text) => ({ text }),
  part: (part, path) => partBlock(part, path, notes),
  call: (call, path) => {
    const block: JsonMembers = { toolUseId: call.id, name: call.name, input: argumentsOf(call, path, notes) };
    return { toolUse: withExtra(block, call.extra, dialect, path, notes) };
  },
  result: (message, callId, content, path) => {
    const block: JsonMembers = {
      toolUseId: callId,
      content: content as JsonInput,
      status: message.isError === undefined ? undefined : message.isError ? 'error' : 'success',
    };
    return [{ toolResult: withExtra(block, message.extra, dialect, path, notes) }];
  },
  inSystem: (block) => block instanceof RawJson || 'text' in block || 'cachePoint' in block,
  mark: (blocks, mark) => blocks.push(cachePoint(mark)),
  reasoning: (_, path) => {
    notes.dropped(path, 'without the provider’s own signature');
    return undefined;
  },
});

/** Whose signatures it takes: Claude's are the same wherever it is served (Extended thinking, "across platforms"). */
const signers = new Set(['anthropic', 'bedrock']);

/** A part as a block; undefined for one that says nothing or cannot be carried, the latter with a note. */
function partBlock(part: ContentPart, path: string, notes: Notes): Block | undefined {
  const block = bareBlock(knownPart(part, signers, path, notes), path, notes);
  if (block === undefined || block instanceof RawJson) return block;
  const [name] = Object.keys(block);
  const value = name === undefined ? undefined : block[name];
  if (name === undefined || name === 'text') return block;
  return { [name]: withExtra(value as JsonMembers, part.extra, dialect, path, notes) };
}

function bareBlock({ part }: ContentPart, path: string, notes: Notes): Block | undefined {
  switch (part.case) {
    case 'text':
      return textBlock(part.value, path, notes);
    case 'image':
      return imageBlock(part.value, path, notes);
    case 'file':
      return documentBlock(part.value, path, notes);
    case 'video': {
      const source = sourceOf(part.value.source, `${path}.video`, notes);
      return source && { video: { format: formatOf(part.value.mediaType, 'mp4'), source } };
    }
    case 'audio': {
      const source = sourceOf(part.value.source, `${path}.audio`, notes);
      return source && { audio: { format: part.value.format || 'wav', source } };
    }
    case 'refusal':
      return part.value.refusal === '' ? undefined : { text: part.value.refusal };
    case 'reasoning':
      return reasoningBlock(part.value, path, notes);
    case 'native':
      return nativeBlock(part.value, dialect, path, notes);
    default:
      return undefined;
  }
}

/** Text that rests on something is a block of another kind; the API refuses empty text. */
function textBlock({ text, citations }: TextPart, path: string, notes: Notes): Block | undefined {
  const own = nativeCitations(citations, isCitation, path, notes);
  if (own.length > 0) return { citationsContent: { content: text === '' ? undefined : [{ text }], citations: own } };
  return text === '' ? undefined : { text };
}

function imageBlock(image: ImagePart, path: string, notes: Notes): Block | undefined {
  if (image.detail !== '' && image.detail !== 'auto') notes.dropped(`${path}.image.detail`);
  const source = sourceOf(image.source, `${path}.image`, notes);
  if (source === undefined) return undefined;
  const inline = image.source.case === 'url' ? dataUrl(image.source.value)?.mediaType : undefined;
  const seen = image.source.case === 'data' ? sniffImage(image.source.value) : '';
  return { image: { format: formatOf(image.mediaType || inline || seen, 'png'), source } };
}

function documentBlock(file: FilePart, path: string, notes: Notes): Block | undefined {
  const source = sourceOf(file.source, `${path}.file`, notes);
  if (source === undefined) return undefined;
  const inline = file.source.case === 'url' ? dataUrl(file.source.value)?.mediaType : undefined;
  const type = file.mediaType || inline || '';
  if (type.startsWith('image/')) return { image: { format: formatOf(type, 'png'), source } };
  const format = documentFormat(type, file.filename);
  if (format === undefined) {
    notes.dropped(`${path}.file`, `the provider takes no ${type}`);
    return undefined;
  }
  return {
    document: {
      format,
      name: documentName(file.filename, path),
      source,
      citations: file.citations === undefined ? undefined : { enabled: file.citations },
    },
  };
}

/** Names have to differ within a request, and take no more than letters, digits, single spaces and a few marks. */
function documentName(filename: string, path: string): string {
  const stem = filename
    .replace(/\.\w+$/, '')
    .replace(/[^A-Za-z0-9()[\]-]+/g, ' ')
    .trim();
  return stem || `document ${path.replace(/\D+/g, ' ').trim()}`;
}

type Source = { case: string | undefined; value?: Uint8Array | string | undefined };

/** Bytes, or an object in S3; other URLs are neither fetched here nor taken there. */
function sourceOf({ case: kind, value }: Source, path: string, notes: Notes): JsonMembers | undefined {
  if (value instanceof Uint8Array) return { bytes: base64(value) };
  if (kind === 'url' && typeof value === 'string') {
    const inline = dataUrl(value);
    if (inline) return { bytes: inline.base64 };
    if (value.startsWith('s3://')) return { s3Location: { uri: value } };
  }
  notes.dropped(path, kind === undefined ? 'it has no source' : 'the provider takes bytes or s3:// URLs alone');
  return undefined;
}

/** Reasoning goes back only with its proof: without it the API refuses the turn. */
function reasoningBlock(
  { text, signature, redacted, id }: ReasoningPart,
  path: string,
  notes: Notes,
): Block | undefined {
  if (id === '' && redacted !== '') return { reasoningContent: { redactedContent: redacted } };
  if (id === '' && signature !== '') return { reasoningContent: { reasoningText: { text, signature } } };
  if (text !== '' || redacted !== '' || signature !== '') {
    notes.dropped(`${path}.reasoning`, 'without the provider’s own signature');
  }
  return undefined;
}

/** They have a place or the words there, and no type. */
const isCitation = (citation: JsonObject): boolean =>
  !('type' in citation) && ('location' in citation || 'sourceContent' in citation);
