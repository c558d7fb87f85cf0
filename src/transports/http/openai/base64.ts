import { invalidField } from '../../../kernel/fault.ts';
import type { Place } from './place.ts';
import { stringAt } from './read.ts';

/** Base64, or its URL-safe form, with or without padding; anything else is refused rather than guessed at. */
export function bytesAt(value: unknown, at: Place, key: string): Uint8Array {
  return decode(stringAt(value, at, key), at, key);
}

function decode(text: string, at: Place, key: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  let digits = text.length;
  while (digits > 0 && text.charCodeAt(digits - 1) === 0x3d) digits--;
  // Buffer skips what is not base64; a shortfall tells that it did.
  if (bytes.length !== Math.floor((digits * 3) / 4) || digits % 4 === 1)
    throw invalidField(at.pathOf(key), 'is not valid base64');
  return bytes;
}

/** Bytes that have one spelling only: a last digit whose unused bits are set is refused (RFC 4648, section 3.5). */
export function exactBytesAt(value: unknown, at: Place, key: string): Uint8Array {
  const bytes = bytesAt(value, at, key);
  const spare = bytes.length % 3;
  if (spare === 0) return bytes;
  const digits = stringAt(value, at, key).replace(/=+$/, '');
  const end = Buffer.from(bytes.subarray(bytes.length - spare)).toString('base64url');
  if (!digits.replaceAll('+', '-').replaceAll('/', '_').endsWith(end))
    throw invalidField(at.pathOf(key), 'is not valid base64');
  return bytes;
}

/** The bytes of a `data:` URL (RFC 2397) and their media type; undefined for any other URL. */
export function dataUrlAt(url: string, at: Place, key: string): { data: Uint8Array; mediaType: string } | undefined {
  if (!/^data:/i.test(url)) return undefined;
  const comma = url.indexOf(',');
  if (comma < 0) throw invalidField(at.pathOf(key), 'is not a valid data: URL');
  const head = url.slice(5, comma);
  if (/;\s*base64\s*$/i.test(head)) {
    return { data: decode(url.slice(comma + 1), at, key), mediaType: head.slice(0, head.lastIndexOf(';')) };
  }
  try {
    return { data: Buffer.from(decodeURIComponent(url.slice(comma + 1))), mediaType: head };
  } catch {
    throw invalidField(at.pathOf(key), 'is not a valid data: URL');
  }
}

export const toBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

export const toDataUrl = (bytes: Uint8Array, mediaType: string): string =>
  `data:${mediaType};base64,${toBase64(bytes)}`;
