import { NONCE_BYTES } from './aes-gcm.ts';

/** The version of the format; docs/sealing.md specifies it. */
export const VERSION = 1;

/** What both directions bind. */
interface Header {
  /** `/llmbridge.v1.ChatService/ChatCompletion`, or `/v1/chat/completions` on the OpenAI-shaped surface. */
  readonly method: string;
  readonly keyId: string;
  /** Unix seconds. */
  readonly issuedAt: number;
  /** As authenticated; empty for an anonymous caller. */
  readonly user: string;
}

/** Where a message of a reply stands. */
export interface Place {
  /** From 0. */
  readonly sequence: number;
  readonly last: boolean;
}

const REQUEST = 1;
const REPLY = 2;
const longestText = 0xffff;

function aad(direction: number, { method, keyId, issuedAt, user }: Header, place: Place | undefined): Buffer {
  const texts = [Buffer.from(method), Buffer.from(keyId), Buffer.from(user)] as const;
  if (texts.some(({ length }) => length > longestText)) throw new RangeError('a text of a seal is too long');
  const [methodBytes, keyIdBytes, userBytes] = texts;
  const size = 2 + 2 + methodBytes.length + 2 + keyIdBytes.length + 4 + 2 + userBytes.length + (place ? 5 : 0);
  const bytes = Buffer.allocUnsafe(size);
  let at = bytes.writeUInt8(VERSION, 0);
  at = bytes.writeUInt8(direction, at);
  at = writeText(bytes, methodBytes, at);
  at = writeText(bytes, keyIdBytes, at);
  at = bytes.writeUInt32BE(issuedAt, at);
  at = writeText(bytes, userBytes, at);
  if (place !== undefined) {
    at = bytes.writeUInt32BE(place.sequence, at);
    bytes.writeUInt8(place.last ? 1 : 0, at);
  }
  return bytes;
}

function writeText(bytes: Buffer, text: Buffer, at: number): number {
  const start = bytes.writeUInt16BE(text.length, at);
  return start + text.copy(bytes, start);
}

/** The additional data of a request. */
export const requestAad = (header: Header): Buffer => aad(REQUEST, header, undefined);

/** The additional data of a message of a reply. */
export const replyAad = (header: Header, place: Place): Buffer => aad(REPLY, header, place);

/** The nonce of a reply's message: its position, as 96 bits. Each reply has a key of its own, so none comes twice. */
export function replyNonce(sequence: number): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt32BE(sequence, NONCE_BYTES - 4);
  return nonce;
}
