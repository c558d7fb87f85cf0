import { askOnce } from './ask-once.ts';
import type { Address, ClientOptions } from './connectors.ts';

/** Host and port of `host:port`; an IPv6 address stands in brackets. */
export function addressOf(node: string): Address {
  const colon = node.lastIndexOf(':');
  return { host: node.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(node.slice(colon + 1)) };
}

/** A range of CLUSTER SLOTS: first and last slot, then its nodes, the master first. */
type Range = readonly [from: number, to: number, master: readonly [host: string | null, port: number], ...unknown[]];

/**
 * Finds the master that serves the slot of `key`, by asking the nodes in turn, those learned before those configured. What
 * one of them says may be old: who is not answered there comes back, and the next one is asked.
 */
export function clusterMaster(nodes: readonly string[], key: string, access: ClientOptions): () => Promise<Address> {
  const configured = nodes.map(addressOf);
  let known: readonly Address[] = configured;
  let turn = 0;

  const ask = (node: Address): Promise<Address> =>
    askOnce(node, access, async (redis) => {
      const [slot, reply] = await Promise.all([redis.cluster('KEYSLOT', key), redis.cluster('SLOTS')]);
      const ranges = reply as unknown as readonly Range[];
      // A node that does not know how it is reached leaves the host out: it is the one just asked.
      const addresses = ranges.map(([, , [host, port]]): Address => ({ host: host || node.host, port }));
      const at = ranges.findIndex(([from, to]) => slot >= from && slot <= to);
      const master = addresses[at];
      if (master === undefined) throw new Error('no node of the cluster serves the slot');
      const isNew = ({ host, port }: Address, i: number, all: readonly Address[]) =>
        all.findIndex((other) => other.host === host && other.port === port) === i;
      known = [...addresses, ...configured].filter(isNew);
      return master;
    });

  return async () => {
    let last: unknown;
    const asked = known;
    for (let i = 0; i < asked.length; i++) {
      const node = asked[(turn + i) % asked.length];
      if (node === undefined) continue;
      try {
        const master = await ask(node);
        turn += i + 1;
        return master;
      } catch (thrown) {
        last = thrown;
      }
    }
    throw last;
  };
}
