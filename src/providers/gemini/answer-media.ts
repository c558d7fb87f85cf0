import type { ContentPart } from '../../../gen/es/llmbridge/v1/content_pb.ts';

/** Media that the model made, by their type; undefined for what has no typed place. */
export function mediaPart(mimeType: string, data: string, signature: string): ContentPart['part'] | undefined {
  const bytes = new Uint8Array(Buffer.from(data, 'base64'));
  const [kind, format = ''] = mimeType.split('/', 2);
  if (kind === 'image') {
    return {
      case: 'image',
      value: {
        $typeName: 'llmbridge.v1.ImagePart',
        source: { case: 'data', value: bytes },
        mediaType: mimeType,
        detail: '',
        signature: new Uint8Array(Buffer.from(signature, 'base64')),
      },
    };
  }
  // The other kinds have no place for a signature.
  if (signature !== '') return undefined;
  if (kind === 'audio') {
    return {
      case: 'audio',
      value: {
        $typeName: 'llmbridge.v1.AudioPart',
        source: { case: 'data', value: bytes },
        format,
        transcript: '',
        expiresAt: 0,
      },
    };
  }
  if (kind !== 'video') return undefined;
  return {
    case: 'video',
    value: { $typeName: 'llmbridge.v1.VideoPart', source: { case: 'data', value: bytes }, mediaType: mimeType },
  };
}
