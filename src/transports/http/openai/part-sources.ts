import type { AudioPart, FilePart, ImagePart, VideoPart } from '../../../../gen/es/llmbridge/v1/content_pb.ts';
import { invalidField } from '../../../kernel/fault.ts';
import { bytesAt, dataUrlAt } from './base64.ts';
import type { Place } from './place.ts';
import { type Field, stringAt } from './read.ts';

type MediaPart = ImagePart | VideoPart | FilePart;

function refuseSecond(part: MediaPart | AudioPart, at: Place, key: string): void {
  if (part.source.case !== undefined) throw invalidField(at.pathOf(key), 'gives a second source of the same part');
}

/** A URL for the provider; the bytes of a data: URL are taken out of it. */
export const setUrl: Field<MediaPart> = (part, value, at, key) => {
  const url = stringAt(value, at, key);
  refuseSecond(part, at, key);
  const inline = dataUrlAt(url, at, key);
  if (inline === undefined) {
    part.source = { case: 'url', value: url };
    return;
  }
  part.source = { case: 'data', value: inline.data };
  part.mediaType = inline.mediaType;
};

export const setFileId: Field<MediaPart> = (part, value, at, key) => {
  refuseSecond(part, at, key);
  part.source = { case: 'fileId', value: stringAt(value, at, key) };
};

/** A data: URL, bare base64, or another URL where a provider takes one. */
export const setFileData: Field<FilePart> = (part, value, at, key) => {
  const text = stringAt(value, at, key);
  if (/^[a-z][a-z0-9+.-]*:/i.test(text)) {
    setUrl(part, text, at, key);
    return;
  }
  refuseSecond(part, at, key);
  part.source = { case: 'data', value: bytesAt(text, at, key) };
};

/** Bare base64, or a data: URL. */
export const setAudioData: Field<AudioPart> = (part, value, at, key) => {
  const text = stringAt(value, at, key);
  refuseSecond(part, at, key);
  part.source = { case: 'data', value: dataUrlAt(text, at, key)?.data ?? bytesAt(text, at, key) };
};

export const setAudioUrl: Field<AudioPart> = (part, value, at, key) => {
  const url = stringAt(value, at, key);
  refuseSecond(part, at, key);
  const inline = dataUrlAt(url, at, key);
  part.source = inline === undefined ? { case: 'url', value: url } : { case: 'data', value: inline.data };
  if (inline !== undefined) part.format = inline.mediaType.replace(/^audio\//, '');
};

export const setAudioId: Field<AudioPart> = (part, value, at, key) => {
  refuseSecond(part, at, key);
  part.source = { case: 'id', value: stringAt(value, at, key) };
};
