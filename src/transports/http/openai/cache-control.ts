import type { CacheControl } from '../../../../gen/es/llmbridge/v1/cache_control_pb.ts';
import { type Extra, readNested } from './extra.ts';
import type { Place } from './place.ts';
import { fields, setString } from './read.ts';

const table = fields<CacheControl>({ type: setString('type'), ttl: setString('ttl') });

/** `{"type": "ephemeral", "ttl": "5m"}` on a message, part or tool. */
export function cacheControlAt(
  owner: { cacheControl?: CacheControl | undefined; extra: Extra },
  value: unknown,
  at: Place,
  key: string,
): void {
  const mark: CacheControl = { $typeName: 'llmbridge.v1.CacheControl', type: '', ttl: '' };
  readNested(mark, value, at, key, table, owner.extra);
  owner.cacheControl = mark;
  at.traits.plain = false;
}
