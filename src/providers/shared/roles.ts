import { Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';

const names: Readonly<Record<number, string>> = {
  [Role.SYSTEM]: 'system',
  [Role.DEVELOPER]: 'system',
  [Role.ASSISTANT]: 'assistant',
  [Role.TOOL]: 'tool',
  [Role.FUNCTION]: 'tool',
};

/** A role's name in dialects that have OpenAI's first four. */
export const roleName = (role: Role): string => names[role] ?? 'user';
