import { Redis } from 'ioredis';
import { askOnce, askWithinMs } from './ask-once.ts';
import { addressOf } from './cluster-master.ts';
import type { Address, ClientOptions } from './connectors.ts';

const channel = '+switch-master';

/** Finds the master of that name by asking the sentinels in turn, beginning with another one each time. */
export function sentinelMaster(nodes: readonly string[], name: string, access: ClientOptions): () => Promise<Address> {
  const sentinels = nodes.map(addressOf);
  let turn = 0;

  const ask = (sentinel: Address): Promise<Address> =>
    askOnce(sentinel, access, async (redis) => {
      const named = (await redis.call('SENTINEL', 'get-master-addr-by-name', name)) as [string, string] | null;
      if (named === null) throw new Error('the sentinels know no master of this name');
      return { host: named[0], port: Number(named[1]) };
    });

  return async () => {
    let last: unknown;
    turn++;
    for (let i = 0; i < sentinels.length; i++) {
      const sentinel = sentinels[(turn + i) % sentinels.length];
      if (sentinel === undefined) continue;
      try {
        return await ask(sentinel);
      } catch (thrown) {
        last = thrown;
      }
    }
    throw last;
  };
}

/**
 * Tells of each master that the sentinels make in place of another, until it is stopped: the old one may go on for a while,
 * and what is written there is lost.
 */
export function watchSentinels(
  nodes: readonly string[],
  name: string,
  access: ClientOptions,
  changed: (master: Address) => void,
): () => void {
  const watchers = nodes.map((node) => {
    const redis = new Redis({
      ...access,
      ...addressOf(node),
      enableReadyCheck: false,
      connectTimeout: askWithinMs,
      retryStrategy: () => askWithinMs,
    });
    redis.on('error', () => {});
    redis.on('message', (_channel, text: string) => {
      const [of, , , host, port] = text.split(' ');
      if (of === name && host !== undefined && port !== undefined) changed({ host, port: Number(port) });
    });
    redis.subscribe(channel).catch(() => {});
    return redis;
  });
  return () => {
    for (const redis of watchers) redis.disconnect();
  };
}
