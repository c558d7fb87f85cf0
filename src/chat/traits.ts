import type { CallTraits } from '../balancer/policy.ts';
import { estimatePromptTokens } from '../kernel/estimate.ts';
import type { ChatRequest } from '../kernel/messages.ts';
import type { ContentKind } from '../kernel/provider.ts';

const nothing: ReadonlySet<ContentKind> = new Set();
const plain = (streaming: boolean): CallTraits => ({
  affinityKey: '',
  streaming,
  promptTokens: 0,
  completionTokens: 0,
  needs: nothing,
});
const plainWhole = plain(false);
const plainStream = plain(true);

/** What the balancer may know of a request. It is measured only where a choice depends on it. */
export function traitsOf(request: ChatRequest, streaming: boolean, looksInside: boolean): CallTraits {
  const affinityKey = request.promptCacheKey ?? '';
  if (!looksInside) {
    if (affinityKey === '') return streaming ? plainStream : plainWhole;
    return { ...(streaming ? plainStream : plainWhole), affinityKey };
  }
  return {
    affinityKey,
    streaming,
    promptTokens: estimatePromptTokens(request),
    completionTokens: request.maxCompletionTokens ?? request.maxTokens ?? 0,
    needs: needsOf(request),
  };
}

const kinds: Readonly<Record<string, ContentKind>> = { image: 'images', audio: 'audio', file: 'files', video: 'video' };

function needsOf({ messages, tools }: ChatRequest): ReadonlySet<ContentKind> {
  const needs = new Set<ContentKind>();
  if (tools.length > 0) needs.add('tools');
  for (const { parts } of messages) {
    for (const { part } of parts) {
      const kind = part.case === undefined ? undefined : kinds[part.case];
      if (kind !== undefined) needs.add(kind);
    }
  }
  return needs;
}
