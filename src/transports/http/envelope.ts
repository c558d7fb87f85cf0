import type { OpenedSeal } from '../../kernel/seals.ts';
import { sealedJson } from './openai/response.ts';

/** What a text of a reply is sent as; `last` where no other follows. */
export type Envelope = (json: string, last: boolean) => string;

export const inTheClear: Envelope = (json) => json;

/** `{"sealed": ...}`, as docs/sealing.md has it for this surface. */
export const sealedEnvelope =
  (opened: OpenedSeal): Envelope =>
  (json, last) =>
    `{"sealed":${sealedJson(opened.seal(Buffer.from(json), last))}}`;
