import type { Choice } from '../../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { GatewayReport } from '../../../../gen/es/llmbridge/v1/report_pb.ts';
import type { SealedPayload } from '../../../../gen/es/llmbridge/v1/sealed_pb.ts';
import type { ChatResponse } from '../../../kernel/messages.ts';
import { toBase64 } from './base64.ts';
import { finishJson, logprobsJson } from './choice-json.ts';
import { extraMembers, object, positiveMember, quote, stringMember, trueMember } from './json-writer.ts';
import { messageJson } from './message-json.ts';
import { reportJson } from './report-json.ts';
import { usageJson } from './usage-json.ts';

/** The members of an answer and of a chunk. */
export const answerMembers: ReadonlySet<string> = new Set(
  'id object created model choices usage service_tier system_fingerprint llmbridge'.split(' '),
);

export const choiceMembers: ReadonlySet<string> = new Set(
  'index message delta logprobs finish_reason native_finish_reason'.split(' '),
);

/** A whole answer as OpenAI's `chat.completion`: the provider's own text, where it is one, with the report in it. */
export function encodeResponse(response: ChatResponse, legacyFunctions: boolean): string {
  const { usage, report, sealed, source } = response;
  if (sealed !== undefined) return `{"sealed":${sealedJson(sealed)}}`;
  if (source !== undefined && !legacyFunctions) return withReport(source, report);
  let choices = '';
  for (const choice of response.choices) choices += (choices === '' ? '' : ',') + choiceJson(choice, legacyFunctions);
  return object(
    `"id":${quote(response.id)},"object":"chat.completion","created":${response.created},"model":${quote(response.model)},"choices":[${choices}],` +
      (usage === undefined ? '' : `"usage":${usageJson(usage)},`) +
      stringMember('service_tier', response.serviceTier) +
      stringMember('system_fingerprint', response.systemFingerprint) +
      extraMembers(response.extra, answerMembers) +
      (report === undefined ? '' : `"llmbridge":${reportJson(report)}`),
  );
}

/** The text of an object that has members, with the report as its last one. */
export function withReport(json: string, report: GatewayReport | undefined): string {
  if (report === undefined) return json;
  const end = json.lastIndexOf('}');
  return `${json.slice(0, end)},"llmbridge":${reportJson(report)}${json.slice(end)}`;
}

function choiceJson(choice: Choice, legacyFunctions: boolean): string {
  const { message } = choice;
  return object(
    `"index":${choice.index},"message":${message === undefined ? '{"role":"assistant","content":null,"refusal":null}' : messageJson(message, legacyFunctions)},` +
      `"logprobs":${logprobsJson(choice.logprobs)},"finish_reason":${finishJson(choice.finishReason, legacyFunctions)},` +
      stringMember('native_finish_reason', choice.nativeFinishReason) +
      extraMembers(choice.extra, choiceMembers),
  );
}

/** A sealed answer, its bytes in base64url. */
export const sealedJson = (sealed: SealedPayload): string =>
  object(
    `"version":${sealed.version},` +
      stringMember('key_id', sealed.keyId) +
      positiveMember('issued_at', sealed.issuedAt) +
      bytesMember('nonce', sealed.nonce) +
      bytesMember('ciphertext', sealed.ciphertext) +
      bytesMember('salt', sealed.salt) +
      positiveMember('sequence', sealed.sequence) +
      trueMember('last', sealed.last),
  );

const bytesMember = (name: string, bytes: Uint8Array): string =>
  bytes.length === 0
    ? ''
    : stringMember(name, toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''));
