import type { ContentPart } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import type { Notes } from './notes.ts';

/** Whether a part holds what only its maker knows again. */
function isSigned({ part }: ContentPart): boolean {
  switch (part.case) {
    case 'reasoning':
      return part.value.signature !== '' || part.value.redacted !== '' || part.value.id !== '';
    case 'toolCall':
      return part.value.signature !== '';
    case 'text':
    case 'image':
      return part.value.signature.length > 0;
    default:
      return false;
  }
}

/** Says whose dialect the part's signature is of, where it has one. */
export function sign(part: ContentPart, dialect: string): ContentPart {
  if (isSigned(part)) part.signedBy = dialect;
  return part;
}

const none = new Uint8Array();

function unsigned(content: ContentPart): ContentPart {
  const { part } = content;
  switch (part.case) {
    case 'reasoning':
      return { ...content, part: { case: part.case, value: { ...part.value, signature: '', redacted: '', id: '' } } };
    case 'toolCall':
      return { ...content, part: { case: part.case, value: { ...part.value, signature: '' } } };
    case 'text':
      return { ...content, part: { case: part.case, value: { ...part.value, signature: none } } };
    case 'image':
      return { ...content, part: { case: part.case, value: { ...part.value, signature: none } } };
    default:
      return content;
  }
}

/**
 * The part as one of `dialects` knows it: without its signature, and a note, where that is another's. A signature that
 * does not say whose it is stays.
 */
export function knownPart(part: ContentPart, dialects: ReadonlySet<string>, path: string, notes: Notes): ContentPart {
  const { signedBy = '' } = part;
  if (signedBy === '' || dialects.has(signedBy) || !isSigned(part)) return part;
  notes.dropped(`${path}.signature`, `a signature of ${signedBy}`);
  return unsigned(part);
}
