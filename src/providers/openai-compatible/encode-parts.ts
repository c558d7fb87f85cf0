import type { AudioPart, ContentPart, FilePart, ImagePart } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import type { Notes } from '../shared/notes.ts';
import { objectOf, withExtra } from './encode-extra.ts';
import { encodeCacheControl } from './encode-tools.ts';
import type { Body, Quirks } from './provider.ts';

const dataUrl = (mediaType: string, bytes: Uint8Array): string => `data:${mediaType};base64,${base64(bytes)}`;

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

/** Encodes the parts of a message; what the dialect has no form for is left out and noted. */
export class PartEncoder {
  readonly #type: string;
  readonly #quirks: Quirks;
  readonly #notes: Notes;

  constructor(type: string, quirks: Quirks, notes: Notes) {
    this.#type = type;
    this.#quirks = quirks;
    this.#notes = notes;
  }

  /** Undefined for what stands elsewhere in the message (reasoning, tool calls) or nowhere. */
  encode(part: ContentPart, path: string): Body | undefined {
    const encoded = this.#encode(part, path);
    if (encoded === undefined) return undefined;
    if (part.cacheControl !== undefined) {
      if (this.#quirks.cacheControl) encoded['cache_control'] = encodeCacheControl(part.cacheControl);
      else this.#notes.dropped(`${path}.cache_control`, 'the provider caches by itself');
    }
    return withExtra(encoded, part.extra, this.#type);
  }

  #encode({ part }: ContentPart, path: string): Body | undefined {
    switch (part.case) {
      case 'text':
        if (part.value.citations.length > 0) this.#notes.dropped(`${path}.text.citations`, 'only the text is sent');
        return { type: 'text', text: part.value.text };
      case 'refusal':
        return { type: 'refusal', refusal: part.value.refusal };
      case 'image':
        return this.#image(part.value, path);
      case 'audio':
        return this.#audio(part.value, path);
      case 'file':
        return this.#file(part.value, path);
      case 'video': {
        const { source, mediaType } = part.value;
        if (!this.#quirks.mediaUrls) return this.#drop(`${path}.video`, 'the provider takes no films');
        if (source.case === 'data') return { type: 'video_url', video_url: { url: dataUrl(mediaType, source.value) } };
        if (source.case === 'url') return { type: 'video_url', video_url: { url: source.value } };
        return this.#drop(`${path}.video.file_id`, 'films are sent by URL or whole');
      }
      case 'native':
        if (part.value.provider === this.#type || part.value.provider === '') return objectOf(part.value.json);
        return this.#drop(path, `a block of ${part.value.provider}`);
      default:
        return undefined;
    }
  }

  #image({ source, mediaType, detail }: ImagePart, path: string): Body | undefined {
    switch (source.case) {
      case 'url':
        return { type: 'image_url', image_url: { url: source.value, detail: detail || undefined } };
      case 'data':
        return {
          type: 'image_url',
          image_url: { url: dataUrl(mediaType || 'image/png', source.value), detail: detail || undefined },
        };
      case 'fileId':
        return { type: 'file', file: { file_id: source.value } };
      default:
        return this.#drop(`${path}.image`, 'it has no source');
    }
  }

  #audio({ source, format }: AudioPart, path: string): Body | undefined {
    if (source.case === 'data') {
      const data = base64(source.value);
      if (this.#quirks.documentUrls) return { type: 'input_audio', input_audio: data };
      return { type: 'input_audio', input_audio: { data, format: format || 'wav' } };
    }
    if (source.case === 'url' && this.#quirks.mediaUrls) {
      return { type: 'audio_url', audio_url: { url: source.value } };
    }
    // Sound of an earlier answer is named by its id beside the content.
    if (source.case === 'id') return undefined;
    return this.#drop(`${path}.audio`, 'sound is sent whole');
  }

  #file({ source, mediaType, filename, citations }: FilePart, path: string): Body | undefined {
    if (citations !== undefined) this.#notes.dropped(`${path}.file.citations`, 'citations cannot be asked for');
    const name = filename || undefined;
    if (this.#quirks.documentUrls && (source.case === 'data' || source.case === 'url')) {
      const url = source.case === 'url' ? source.value : dataUrl(mediaType || 'application/pdf', source.value);
      return { type: 'document_url', document_url: url, document_name: name };
    }
    switch (source.case) {
      case 'data':
        return {
          type: 'file',
          file: { filename: name ?? 'document', file_data: dataUrl(mediaType || 'application/pdf', source.value) },
        };
      case 'fileId':
        if (this.#quirks.documentUrls) return { type: 'file', file_id: source.value };
        return { type: 'file', file: { file_id: source.value } };
      case 'url':
        if (this.#quirks.fileUrls) return { type: 'file', file: { filename: name, file_data: source.value } };
        return this.#drop(`${path}.file.url`, 'documents are sent whole');
      default:
        return this.#drop(`${path}.file`, 'it has no source');
    }
  }

  #drop(path: string, why: string): undefined {
    this.#notes.dropped(path, why);
    return undefined;
  }
}
