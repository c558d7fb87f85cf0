import { badRequest } from '../simulated-error.ts';

/** What a message has of calls and of their results, by id. */
export interface PairedMessage {
  readonly calls: readonly string[];
  readonly results: readonly string[];
}

/** Refuses results without a call in the message before, and calls without a result in the one behind. */
export function checkToolPairs(messages: readonly PairedMessage[]): void {
  for (const [at, { calls, results }] of messages.entries()) {
    const before = messages[at - 1]?.calls ?? [];
    const stray = results.find((id) => !before.includes(id));
    if (stray !== undefined) {
      throw badRequest(
        `messages.${at}: the tool result ${stray} has no tool call in the previous message.`,
        'messages',
      );
    }
    const next = messages[at + 1];
    const open = next === undefined ? undefined : calls.find((id) => !next.results.includes(id));
    if (open !== undefined) {
      throw badRequest(`messages.${at}: the tool call ${open} has no tool result in the next message.`, 'messages');
    }
  }
}
