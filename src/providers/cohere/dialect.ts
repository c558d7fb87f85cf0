/** The provider type under which native parts and extra fields of this dialect stand. */
export const dialect = 'cohere';

/** `extra` with JSON object text under this dialect's name; empty for no text. */
export const extraOf = (json: string): { [provider: string]: string } => (json === '' ? {} : { [dialect]: json });
