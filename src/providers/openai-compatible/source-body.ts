import { type ContentPart, type Message, Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import type { SourceText } from '../../kernel/call.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import { gatewayMembers } from '../shared/extra.ts';
import type { Notes } from '../shared/notes.ts';
import { objectOf } from './encode-extra.ts';
import { encodeMessages } from './encode-messages.ts';
import type { Body, Quirks } from './provider.ts';

/** Members of the gateway's own that no provider is told, and those that it says in its own way. */
const ours = ['provider', 'strict', 'routing', 'extra', 'sealed', 'llmbridge', 'reasoning', 'top_k'];

/**
 * The caller's own text as the request body: every member as it was written. Undefined where it is not wholly in this
 * dialect. Conversations that hold what this provider wants said otherwise are encoded anew.
 */
export function sourceBody(
  source: SourceText,
  request: ChatRequest,
  type: string,
  quirks: Quirks,
  notes: Notes,
): Body | undefined {
  const body = objectOf(source.json);
  if (body['parameters'] !== undefined || body['messages'] === undefined) return undefined;
  for (const name of ours) delete body[name];
  for (const name of gatewayMembers) {
    if (body[name] === undefined) continue;
    delete body[name];
    notes.refused(name, "routing is the gateway's");
  }
  if (!request.messages.every((message) => isPlain(message, quirks))) {
    body['messages'] = encodeMessages(request.messages, type, quirks, notes);
  }
  return body;
}

/** Whether a message may go to this provider as the caller wrote it. */
function isPlain(message: Message, quirks: Quirks): boolean {
  if (message.role === Role.DEVELOPER && quirks.developerRole === 'system') return false;
  if (message.name !== '' && quirks.names === false) return false;
  if (message.isError !== undefined || (message.cacheControl !== undefined && !quirks.cacheControl)) return false;
  if (message.role !== Role.ASSISTANT) {
    return message.parts.every((part) => isPlainPart(part, quirks));
  }
  if (message.reasoningContent !== '' && quirks.reasoningField !== 'reasoning_content') return false;
  return message.parts.every((part) => part.part.case === 'text' || part.part.case === 'refusal');
}

function isPlainPart({ part, cacheControl }: ContentPart, quirks: Quirks): boolean {
  if (cacheControl !== undefined && !quirks.cacheControl) return false;
  return !(quirks.documentUrls && (part.case === 'file' || part.case === 'audio'));
}

/** Whether a map of the request has anything in it. */
export function hasMember(map: { readonly [key: string]: unknown }): boolean {
  for (const _ in map) return true;
  return false;
}
