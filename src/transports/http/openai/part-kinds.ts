import type {
  AudioPart,
  ContentPart,
  FilePart,
  ImagePart,
  NativePart,
  ReasoningPart,
  RefusalPart,
  TextPart,
  ToolCallPart,
  VideoPart,
} from '../../../../gen/es/llmbridge/v1/content_pb.ts';
import { newPart } from '../../../kernel/messages.ts';
import { bytesAt } from './base64.ts';
import { cacheControlAt } from './cache-control.ts';
import { citationsAt } from './citations.ts';
import { keep, readNested } from './extra.ts';
import { emptyReasoning, noBytes, textPart } from './literals.ts';
import { extraAt } from './own-extra.ts';
import { setAudioData, setAudioId, setAudioUrl, setFileData, setFileId, setUrl } from './part-sources.ts';
import type { Place } from './place.ts';
import {
  type Field,
  type Fields,
  fields,
  ignore,
  type JsonObject,
  own,
  readMembers,
  setBoolean,
  setString,
  setText,
  stringAt,
} from './read.ts';

/** Reads the content parts of one `type`. */
export interface PartKind {
  /** The member that such a part must have; undefined for none. */
  readonly required: string | undefined;
  /** What that member must say where the bytes are in, for parts that have a source. */
  readonly source: string | undefined;
  read(value: JsonObject, at: Place): ContentPart;
}

/** A part while it is read: its own message, and the ContentPart around it. */
interface Draft<T> {
  readonly value: T;
  readonly part: ContentPart;
}

interface PartShape<T> {
  readonly required?: string;
  readonly source?: string;
  readonly make: () => T;
  /** Members of the part that belong to its own message. */
  readonly own?: Readonly<Record<string, Field<T>>>;
  /** Members that need the ContentPart too. */
  readonly rows?: Readonly<Record<string, Field<Draft<T>>>>;
}

function kind<T>(name: ContentPart['part']['case'], shape: PartShape<T>): PartKind {
  const rows: Record<string, Field<Draft<T>>> = {
    type: ignore,
    // Left over in histories that were collected from a stream.
    index: ignore,
    cache_control: ({ part }, value, at, key) => cacheControlAt(part, value, at, key),
    signed_by: own(({ part }, value, at, key) => {
      part.signedBy = stringAt(value, at, key);
    }),
    extra: ({ part }, value, at, key) => extraAt(part, value, at, key),
    ...shape.rows,
  };
  for (const [key, field] of Object.entries(shape.own ?? {}))
    rows[key] = own((draft, value, at, member) => field(draft.value, value, at, member));
  const table = fields(rows);
  return {
    required: shape.required,
    source: shape.source,
    read(value, at) {
      const made = shape.make();
      const part = newPart({ case: name, value: made } as ContentPart['part']);
      const unknown = readMembers({ value: made, part }, value, at, table);
      if (unknown !== undefined) keep(part.extra, unknown);
      return part;
    },
  };
}

/** A member whose object is read into the part's own message; some dialects write a bare URL in its place. */
function inner<T>(table: Fields<T>, bare?: Field<T>): Field<Draft<T>> {
  return ({ value: target, part }, value, at, key) => {
    if (bare !== undefined && typeof value === 'string') bare(target, value, at, key);
    else readNested(target, value, at, key, table, part.extra);
  };
}

const setSignature: Field<{ signature: Uint8Array }> = (part, value, at, key) => {
  part.signature = bytesAt(value, at, key);
};

const makeAudio = (): AudioPart => ({
  $typeName: 'llmbridge.v1.AudioPart',
  source: { case: undefined },
  format: '',
  transcript: '',
  expiresAt: 0,
});

const text = kind<TextPart>('text', {
  required: 'text',
  make: () => textPart(''),
  own: { signature: setSignature },
  rows: {
    text: ({ value: part }, value, at, key) => setString('text')(part, value, at, key),
    annotations: own(({ value: target, part }, value, at, key) => {
      target.citations = citationsAt(value, at, key, part.extra);
    }),
  },
});

const image = kind<ImagePart>('image', {
  required: 'image_url',
  source: 'url',
  make: () => ({
    $typeName: 'llmbridge.v1.ImagePart',
    source: { case: undefined },
    mediaType: '',
    detail: '',
    signature: noBytes,
  }),
  own: { signature: setSignature },
  rows: {
    image_url: inner(fields<ImagePart>({ url: setUrl, file_id: own(setFileId), detail: setString('detail') }), setUrl),
  },
});

const audio = kind<AudioPart>('audio', {
  required: 'input_audio',
  source: 'data',
  make: makeAudio,
  rows: {
    input_audio: inner(
      fields<AudioPart>({
        data: setAudioData,
        format: setString('format'),
        id: own(setAudioId),
        url: own(setAudioUrl),
        transcript: own(setString('transcript')),
      }),
    ),
  },
});

const audioUrl = kind<AudioPart>('audio', {
  required: 'audio_url',
  source: 'url',
  make: makeAudio,
  rows: { audio_url: inner(fields<AudioPart>({ url: setAudioUrl })) },
});

const file = kind<FilePart>('file', {
  required: 'file',
  source: 'file_data',
  make: () => ({
    $typeName: 'llmbridge.v1.FilePart',
    source: { case: undefined },
    mediaType: '',
    filename: '',
    citations: undefined,
  }),
  rows: {
    file: inner(
      fields<FilePart>({
        file_data: setFileData,
        file_id: setFileId,
        filename: setString('filename'),
        media_type: own(setString('mediaType')),
        citations: own(setBoolean('citations')),
      }),
    ),
  },
});

const video = kind<VideoPart>('video', {
  required: 'video_url',
  source: 'url',
  make: () => ({ $typeName: 'llmbridge.v1.VideoPart', source: { case: undefined }, mediaType: '' }),
  rows: { video_url: inner(fields<VideoPart>({ url: setUrl, file_id: own(setFileId) }), setUrl) },
});

const refusal = kind<RefusalPart>('refusal', {
  required: 'refusal',
  make: () => ({ $typeName: 'llmbridge.v1.RefusalPart', refusal: '' }),
  rows: { refusal: ({ value: part }, value, at, key) => setString('refusal')(part, value, at, key) },
});

const reasoning = kind<ReasoningPart>('reasoning', {
  make: emptyReasoning,
  own: {
    text: setString('text'),
    signature: setString('signature'),
    data: setString('redacted'),
    id: setString('id'),
    summary: setBoolean('summary'),
  },
});

/** The thinking blocks of Anthropic's dialect, which some clients keep in their history. */
export const thinking = kind<ReasoningPart>('reasoning', {
  required: 'thinking',
  make: emptyReasoning,
  own: { thinking: setString('text'), signature: setString('signature') },
});

export const redactedThinking = kind<ReasoningPart>('reasoning', {
  required: 'data',
  make: emptyReasoning,
  own: { data: setString('redacted') },
});

const toolCall = kind<ToolCallPart>('toolCall', {
  required: 'id',
  make: () => ({ $typeName: 'llmbridge.v1.ToolCallPart', id: '', signature: '' }),
  own: { id: setString('id'), signature: setString('signature') },
});

const native = kind<NativePart>('native', {
  required: 'block',
  make: () => ({ $typeName: 'llmbridge.v1.NativePart', provider: '', json: '' }),
  own: { provider: setString('provider'), block: setText('json') },
});

/** Every `type` of a content part that has a typed place. */
export const partKinds: ReadonlyMap<string, PartKind> = new Map(
  Object.entries({
    text,
    image_url: image,
    input_audio: audio,
    audio_url: audioUrl,
    file,
    video_url: video,
    refusal,
    reasoning,
    thinking,
    redacted_thinking: redactedThinking,
    tool_call: toolCall,
    native,
  }),
);
