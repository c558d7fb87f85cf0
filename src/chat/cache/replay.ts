import { clone } from '@bufbuild/protobuf';
import { type Choice, LogprobsSchema, type PartDelta } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { ContentPart, Message } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import type { ToolCall } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import {
  type ChatChunk,
  type ChatResponse,
  type Delta,
  newChunk,
  newChunkChoice,
  newDelta,
  newPart,
  newToolCallDelta,
} from '../../kernel/messages.ts';

type DeltaFields = Partial<Omit<Delta, '$typeName' | '$unknown'>>;

const delta = (fields: DeltaFields): Delta => ({ ...newDelta(), ...fields });

/** Pieces of about `size` characters; no character is cut in two. */
function* pieces(text: string, size: number): Generator<string> {
  for (let from = 0; from < text.length; ) {
    let to = from + size;
    const last = text.charCodeAt(to - 1);
    if (last >= 0xd800 && last < 0xdc00) to++;
    yield text.slice(from, to);
    from = to;
  }
}

const partAt = (index: number, part: ContentPart): PartDelta => ({
  $typeName: 'llmbridge.v1.PartDelta',
  index,
  part,
});

function* callDeltas(call: ToolCall, index: number, size: number): Generator<Delta> {
  const head = { ...newToolCallDelta(index), id: call.id, type: call.type, name: call.name, extra: call.extra };
  yield delta({ toolCalls: [head] });
  for (const piece of pieces(call.arguments, size))
    yield delta({ toolCalls: [{ ...newToolCallDelta(index), arguments: piece }] });
}

/** The part without its text: what begins it. */
function opening(part: ContentPart): ContentPart | undefined {
  if (part.part.case === 'text')
    return newPart({
      case: 'text',
      value: { $typeName: 'llmbridge.v1.TextPart', text: '', citations: [], signature: new Uint8Array(0) },
    });
  if (part.part.case === 'reasoning')
    return newPart({
      case: 'reasoning',
      value: { $typeName: 'llmbridge.v1.ReasoningPart', text: '', signature: '', redacted: '', id: '', summary: false },
    });
  return undefined;
}

/** What is left of a text part once its text was sent: proofs, sources and the like; undefined for nothing. */
function closing(whole: ContentPart): ContentPart | undefined {
  const { part, extra, signedBy, cacheControl } = whole;
  const marked = Object.keys(extra).length > 0 || signedBy !== undefined || cacheControl !== undefined;
  if (part.case === 'text') {
    const { citations, signature } = part.value;
    if (!marked && citations.length === 0 && signature.length === 0) return undefined;
    return { ...whole, part: { case: 'text', value: { ...part.value, text: '' } } };
  }
  if (part.case === 'reasoning') {
    const { signature, redacted, id, summary } = part.value;
    if (!marked && signature === '' && redacted === '' && id === '' && !summary) return undefined;
    return { ...whole, part: { case: 'reasoning', value: { ...part.value, text: '' } } };
  }
  return undefined;
}

/** A message in parts: each begins by itself, so that the parts that come out are those that went in. */
function* partDeltas({ parts, toolCalls }: Message, size: number): Generator<Delta> {
  const sent = new Set<number>();
  for (const [index, whole] of parts.entries()) {
    const first = opening(whole);
    yield delta({ parts: [partAt(index, first ?? whole)] });
    const { part } = whole;
    if (part.case === 'text') for (const content of pieces(part.value.text, size)) yield delta({ content });
    if (part.case === 'reasoning')
      for (const reasoningContent of pieces(part.value.text, size)) yield delta({ reasoningContent });
    const last = closing(whole);
    if (last !== undefined) yield delta({ parts: [partAt(index, last)] });
    if (part.case !== 'toolCall') continue;
    const at = toolCalls.findIndex(({ id }, call) => id === part.value.id && !sent.has(call));
    const call = toolCalls[at];
    if (call === undefined) continue;
    sent.add(at);
    yield* callDeltas(call, at, size);
  }
  for (const [index, call] of toolCalls.entries()) if (!sent.has(index)) yield* callDeltas(call, index, size);
}

function* messageDeltas(message: Message, size: number): Generator<Delta> {
  if (message.parts.length > 0) yield* partDeltas(message, size);
  else {
    for (const reasoningContent of pieces(message.reasoningContent, size)) yield delta({ reasoningContent });
    for (const content of pieces(message.content, size)) yield delta({ content });
    for (const [index, call] of message.toolCalls.entries()) yield* callDeltas(call, index, size);
  }
  for (const refusal of pieces(message.refusal, size)) yield delta({ refusal });
}

/** A choice's chunks; its end stands in the last one. */
function* choiceChunks(head: ChatChunk, choice: Choice, size: number): Generator<ChatChunk> {
  const { index, message, logprobs } = choice;
  const begun = newChunkChoice(index, delta({ role: message?.role ?? 0 }));
  // Told once, for the whole text: nobody knows any more which of them came with which piece.
  if (logprobs !== undefined) begun.logprobs = clone(LogprobsSchema, logprobs);
  yield { ...head, choices: [begun] };
  if (message !== undefined)
    for (const piece of messageDeltas(message, size)) yield { ...head, choices: [newChunkChoice(index, piece)] };
  const { finishReason, nativeFinishReason, extra } = choice;
  yield { ...head, choices: [{ ...newChunkChoice(index), finishReason, nativeFinishReason, extra }] };
}

/**
 * The chunks that a whole answer could have come in, texts in pieces of about `size` characters. Collected they make the
 * same answer; the last one has usage and report.
 */
export function* chunksOf(response: ChatResponse, size: number): Generator<ChatChunk> {
  const { id, model, created, systemFingerprint, serviceTier, usage, extra, report } = response;
  const head: ChatChunk = { ...newChunk(), id, model, created, systemFingerprint, serviceTier };
  let held: ChatChunk | undefined;
  for (const choice of response.choices) {
    for (const chunk of choiceChunks(head, choice, size)) {
      if (held !== undefined) yield held;
      held = chunk;
    }
  }
  yield { ...(held ?? head), usage, extra, report };
}
