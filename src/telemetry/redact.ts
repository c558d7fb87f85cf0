import { errorShape } from './error-shape.ts';

/** Names of fields whose values never reach a log line, in lower case and without separators. */
const secretNames = new Set([
  'authorization',
  'proxyauthorization',
  'xapikey',
  'xgoogapikey',
  'apikey',
  'apikeys',
  'keys',
  'cookie',
  'setcookie',
  'secret',
  'clientsecret',
  'secretaccesskey',
  'sessiontoken',
  'accesstoken',
  'password',
  'passphrase',
  'token',
  'privatekey',
]);

const censor = '[redacted]';
const maxDepth = 6;
const known = new Map<string, boolean>();

/** Log fields are few and fixed, so each name is judged once. */
function isSecret(name: string): boolean {
  let secret = known.get(name);
  if (secret === undefined) {
    secret = secretNames.has(name.replace(/[-_.]/g, '').toLowerCase());
    if (known.size < 1000) known.set(name, secret);
  }
  return secret;
}

const isEmpty = (value: unknown) => value === undefined || value === '' || value === null;

/**
 * The record with the values of secret fields, at any depth, replaced by '[redacted]'. It is the same object where there
 * is nothing to hide. Errors lose their messages.
 */
export function redact<T>(record: T, depth = 0): T {
  if (typeof record !== 'object' || record === null) return record;
  if (record instanceof Error) return errorShape(record) as T;
  if (depth > maxDepth) return censor as T;
  const fields = record as Record<string, unknown>;
  let copy: Record<string, unknown> | undefined;
  for (const name in fields) {
    const value = fields[name];
    const shown = isEmpty(value) ? value : isSecret(name) ? censor : redact(value, depth + 1);
    if (shown === value) continue;
    copy ??= (Array.isArray(record) ? [...record] : { ...fields }) as Record<string, unknown>;
    copy[name] = shown;
  }
  return (copy ?? record) as T;
}
