/** Converse names media by a format, not a media type; what is not here goes by its subtype. */
const formats: Readonly<Record<string, string>> = {
  'image/jpg': 'jpeg',
  'application/pdf': 'pdf',
  'text/csv': 'csv',
  'text/html': 'html',
  'text/plain': 'txt',
  'text/markdown': 'md',
  'application/msword': 'doc',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'docx',
  'application/vnd.ms-excel': 'xls',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'xlsx',
  'video/quicktime': 'mov',
  'video/x-matroska': 'mkv',
  'video/x-flv': 'flv',
  'video/x-ms-wmv': 'wmv',
  'video/3gpp': 'three_gp',
};

/** Formats of documents; the API takes no others. */
const documents = new Set(['pdf', 'csv', 'doc', 'docx', 'xls', 'xlsx', 'html', 'txt', 'md']);

/** The format of a media type; `otherwise` for none. */
export function formatOf(mediaType: string, otherwise: string): string {
  const type = mediaType.toLowerCase().replace(/;.*$/s, '').trim();
  return type === '' ? otherwise : (formats[type] ?? type.replace(/^[^/]*\/(x-)?/, ''));
}

/** A document's format by its media type, else by its name; undefined for one that the API does not take. */
export function documentFormat(mediaType: string, filename: string): string | undefined {
  const byName = /\.(\w+)$/.exec(filename)?.[1]?.toLowerCase() ?? '';
  const byType = formatOf(mediaType, byName || 'pdf');
  if (documents.has(byType)) return byType;
  if (documents.has(byName)) return byName;
  return mediaType.startsWith('text/') || mediaType === 'application/json' ? 'txt' : undefined;
}
