import type { AudioPart, FilePart, ImagePart, VideoPart } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { base64, dataUrl, sniffImage } from '../shared/media.ts';
import type { Notes } from '../shared/notes.ts';
import type { JsonMembers } from '../shared/turns.ts';

/** Media types by a file name's end, for URLs: the API wants to be told what it will find there. */
const types: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  heic: 'image/heic',
  pdf: 'application/pdf',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  mp3: 'audio/mp3',
  wav: 'audio/wav',
  flac: 'audio/flac',
  ogg: 'audio/ogg',
  m4a: 'audio/m4a',
  mp4: 'video/mp4',
  mov: 'video/quicktime',
  webm: 'video/webm',
};

const typeOfUrl = (url: string): string => types[/\.(\w+)(?:[?#].*)?$/.exec(url)?.[1]?.toLowerCase() ?? ''] ?? '';

/** Where files that were sent before are kept. */
const fileHome = 'https://generativelanguage.googleapis.com/v1beta/files/';

const fileUri = (id: string): string => (/^\w+:\/\//.test(id) ? id : fileHome + id.replace(/^files\//, ''));

type Source = { case: string | undefined; value?: Uint8Array | string | undefined };

/** `inlineData` for bytes, `fileData` for what is elsewhere: a URL is fetched by the provider, never here. */
function mediaOf(source: Source, type: string, otherwise: string, path: string, notes: Notes): JsonMembers | undefined {
  const { case: kind, value } = source;
  if (value instanceof Uint8Array) {
    return { inlineData: { mimeType: type || sniffImage(value) || otherwise, data: base64(value) } };
  }
  if (typeof value === 'string' && kind === 'url') {
    const inline = dataUrl(value);
    if (inline) return { inlineData: { mimeType: type || inline.mediaType || otherwise, data: inline.base64 } };
    return { fileData: { mimeType: type || typeOfUrl(value) || otherwise, fileUri: value } };
  }
  if (typeof value === 'string' && kind === 'fileId') {
    return { fileData: { mimeType: type || undefined, fileUri: fileUri(value) } };
  }
  notes.dropped(path, kind === undefined ? 'it has no source' : 'the provider keeps none by an id');
  return undefined;
}

export function imageOf(image: ImagePart, path: string, notes: Notes): JsonMembers | undefined {
  if (image.detail !== '' && image.detail !== 'auto') notes.dropped(`${path}.image.detail`);
  const block = mediaOf(image.source, image.mediaType, 'image/jpeg', `${path}.image`, notes);
  if (block && image.signature.length > 0) block['thoughtSignature'] = base64(image.signature);
  return block;
}

export function audioOf(audio: AudioPart, path: string, notes: Notes): JsonMembers | undefined {
  const format = audio.format === 'pcm16' ? 'pcm;rate=24000' : audio.format;
  return mediaOf(audio.source, format && `audio/${format}`, 'audio/wav', `${path}.audio`, notes);
}

export const videoOf = (video: VideoPart, path: string, notes: Notes): JsonMembers | undefined =>
  mediaOf(video.source, video.mediaType, 'video/mp4', `${path}.video`, notes);

export function fileOf(file: FilePart, path: string, notes: Notes): JsonMembers | undefined {
  if (file.citations === true) notes.dropped(`${path}.file.citations`, 'the provider cites of itself');
  if (file.filename !== '') notes.dropped(`${path}.file.filename`, 'the provider takes no names');
  const byName = typeOfUrl(file.filename);
  return mediaOf(file.source, file.mediaType || byName, 'application/pdf', `${path}.file`, notes);
}
