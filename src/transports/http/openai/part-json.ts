import type {
  AudioPart,
  Citation,
  ContentPart,
  FilePart,
  ImagePart,
  ReasoningPart,
  VideoPart,
} from '../../../../gen/es/llmbridge/v1/content_pb.ts';
import { toBase64, toDataUrl } from './base64.ts';
import {
  countMember,
  listMember,
  object,
  ownedExtra,
  positiveMember,
  quote,
  stringMember,
  trueMember,
} from './json-writer.ts';

const partMembers = new Set(
  'type index text annotations signature image_url input_audio file video_url refusal data id summary provider block block_text cache_control signed_by extra'.split(
    ' ',
  ),
);

const signature = (bytes: Uint8Array): string => (bytes.length === 0 ? '' : `"signature":"${toBase64(bytes)}",`);

/** Whose signature a part bears. */
export const signedByMember = (signedBy: string | undefined): string => stringMember('signed_by', signedBy ?? '');

/** The signature of a tool call, and whose it is; empty for none. */
export const callSignature = (signature: string, signedBy: string | undefined): string =>
  signature === '' ? '' : stringMember('signature', signature) + signedByMember(signedBy);

/** An image as a part of content, and as an entry of `images`. */
export const imageMembers = (image: ImagePart): string =>
  `"type":"image_url","image_url":${object(sourceMembers(image) + stringMember('detail', image.detail))},${signature(image.signature)}`;

function sourceMembers({ source, mediaType }: ImagePart | VideoPart): string {
  if (source.case === 'data') return `"url":${quote(toDataUrl(source.value, mediaType))},`;
  return source.case === undefined ? '' : `"${source.case === 'url' ? 'url' : 'file_id'}":${quote(source.value)},`;
}

function fileMembers(file: FilePart): string {
  const { source } = file;
  const where =
    source.case === 'data'
      ? `"file_data":${quote(file.mediaType === '' ? toBase64(source.value) : toDataUrl(source.value, file.mediaType))},`
      : source.case === undefined
        ? ''
        : `"${source.case === 'url' ? 'file_data' : 'file_id'}":${quote(source.value)},`;
  return (
    where +
    stringMember('filename', file.filename) +
    (source.case === 'data' ? '' : stringMember('media_type', file.mediaType)) +
    (file.citations === undefined ? '' : `"citations":${file.citations},`)
  );
}

export const audioMembers = (audio: AudioPart): string =>
  (audio.source.case === 'data'
    ? `"data":"${toBase64(audio.source.value)}",`
    : stringMember(audio.source.case ?? 'id', audio.source.value ?? '')) +
  stringMember('format', audio.format) +
  stringMember('transcript', audio.transcript) +
  positiveMember('expires_at', audio.expiresAt);

/** An entry of `annotations`. */
export function citationJson(citation: Citation): string {
  const inner = object(
    stringMember('url', citation.url) +
      stringMember('title', citation.title) +
      countMember('start_index', citation.startIndex) +
      countMember('end_index', citation.endIndex) +
      stringMember('cited_text', citation.citedText) +
      (citation.native === '' ? '' : `"native":${citation.native},`),
  );
  const type = citation.url === '' ? 'citation' : 'url_citation';
  return `{"type":"${type}","${type}":${inner}}`;
}

/** An entry of `reasoning_details`, in the form that OpenRouter's clients know. */
export function reasoningDetailJson(
  reasoning: ReasoningPart,
  { extra, signedBy }: Pick<ContentPart, 'extra' | 'signedBy'>,
  index: number,
): string {
  const kind =
    reasoning.redacted !== '' && reasoning.text === '' ? 'encrypted' : reasoning.summary ? 'summary' : 'text';
  return object(
    `"type":"reasoning.${kind}",` +
      stringMember('id', reasoning.id) +
      stringMember(kind === 'summary' ? 'summary' : 'text', reasoning.text) +
      stringMember('signature', reasoning.signature) +
      stringMember('data', reasoning.redacted) +
      signedByMember(signedBy) +
      `"index":${index},` +
      ownedExtra(extra, detailMembers),
  );
}

const detailMembers = new Set(['type', 'id', 'text', 'summary', 'signature', 'data', 'signed_by', 'index', 'extra']);

/** A part in the spelling that a request's content has too, without its braces. */
function members(part: ContentPart['part']): string {
  switch (part.case) {
    case 'text':
      return `"type":"text","text":${quote(part.value.text)},${listMember('annotations', part.value.citations.map(citationJson))}${signature(part.value.signature)}`;
    case 'image':
      return imageMembers(part.value);
    case 'audio':
      return `"type":"input_audio","input_audio":${object(audioMembers(part.value))},`;
    case 'file':
      return `"type":"file","file":${object(fileMembers(part.value))},`;
    case 'video':
      return `"type":"video_url","video_url":${object(sourceMembers(part.value))},`;
    case 'refusal':
      return `"type":"refusal","refusal":${quote(part.value.refusal)},`;
    case 'reasoning':
      return (
        `"type":"reasoning",${stringMember('text', part.value.text)}${stringMember('signature', part.value.signature)}` +
        `${stringMember('data', part.value.redacted)}${stringMember('id', part.value.id)}${trueMember('summary', part.value.summary)}`
      );
    case 'toolCall':
      return `"type":"tool_call","id":${quote(part.value.id)},${stringMember('signature', part.value.signature)}`;
    case 'native':
      return `"type":"native",${stringMember('provider', part.value.provider)}${blockMember(part.value.json)}`;
    default:
      return '';
  }
}

/** A block as it is; a piece of one, which a stream may bring, is no JSON yet and travels as text. */
function blockMember(json: string): string {
  try {
    JSON.parse(json);
    return `"block":${json},`;
  } catch {
    return `"block_text":${quote(json)},`;
  }
}

/** A part of `parts`, in a whole answer or, with its index, in a chunk. */
export function partJson({ part, cacheControl, extra, signedBy }: ContentPart, index?: number): string {
  const mark =
    cacheControl === undefined
      ? ''
      : `"cache_control":${object(stringMember('type', cacheControl.type) + stringMember('ttl', cacheControl.ttl))},`;
  return object(
    countMember('index', index) + members(part) + signedByMember(signedBy) + mark + ownedExtra(extra, partMembers),
  );
}
