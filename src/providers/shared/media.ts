/** Bytes as base64 text. */
export const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

/** A picture's media type by its first bytes; '' where they are of no common kind. */
export function sniffImage(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 12)).toString('latin1');
  if (head.startsWith('\x89PNG')) return 'image/png';
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (head.startsWith('GIF8')) return 'image/gif';
  return head.startsWith('RIFF') && head.endsWith('WEBP') ? 'image/webp' : '';
}

/** A `data:` URL with base64 (RFC 2397) in its parts; undefined for any other URL. */
export function dataUrl(url: string): { mediaType: string; base64: string } | undefined {
  const found = /^data:([^;,]*)(?:;[^;,]*)*;base64,/i.exec(url);
  return found ? { mediaType: (found[1] ?? '').toLowerCase(), base64: url.slice(found[0].length) } : undefined;
}
