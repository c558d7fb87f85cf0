import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { clusterMaster } from './cluster-master.ts';
import { type Address, type ClientOptions, connectorTo, type Seen, type ServerInfo } from './connectors.ts';
import type { RedisPlace } from './place.ts';
import { sentinelMaster, watchSentinels } from './sentinel-master.ts';

export interface RedisOptions extends RedisPlace {
  /** A key of those that will be used: in a cluster, the master that serves its slot is connected to, and all others must be in it. */
  readonly key?: string | undefined;
  /** Told of what the connection fails by; it is tried again for ever. */
  readonly failed: (error: Error) => void;
  /** Told each time it is there, with how the server makes room when it is full; undefined where it does not say. */
  readonly ready: (evictionPolicy: string | undefined) => void;
}

/** Why a connection failed, in a word: `ECONNREFUSED`, `WRONGPASS`, `SELF_SIGNED_CERT_IN_CHAIN`. */
export const failureWord = (error: NodeJS.ErrnoException): string =>
  error.code ?? /^[A-Z]+(?= )/.exec(error.message)?.[0] ?? error.name;

/** Said by a server that is not, or no longer, the master of what it was asked for. */
const moved = /READONLY|^(MOVED|CLUSTERDOWN|MASTERDOWN) /;

/**
 * Makes a connection to one server: the one named, the master that the sentinels name, or the one that serves the slot of
 * `key` in a cluster. While it is down commands fail at once: whoever asks has another answer, and must not wait. What was
 * sent and not answered is not sent again, as it may have been done; nor is it sent on to another server.
 */
export function connectRedis({ key = '', failed, ready, ...place }: RedisOptions): Redis {
  let info: ServerInfo = {};
  let at: Address | undefined;
  const any: Seen = (next, address) => {
    info = next;
    at = address;
    return true;
  };
  const { sentinel } = place;
  const redis = new Redis({
    ...clientOptions(place, key, any),
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: true,
    connectTimeout: 2_000,
    // A connection that is cut without a word is noticed so, and a master that stopped and must not be asked when it wakes.
    socketTimeout: 1_500,
    disconnectTimeout: 500,
    connectionName: 'llm-bridge',
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), 1_000),
    reconnectOnError: ({ message }) => moved.test(message),
  });
  redis.on('error', failed);
  redis.on('ready', () => ready(info['maxmemory_policy']));
  if (sentinel !== undefined) {
    let stop = () => {};
    redis.on('ready', () => {
      stop();
      stop = watchSentinels(sentinel.nodes, sentinel.name, sentinelAccess(place), ({ host, port }) => {
        if (redis.status === 'ready' && (at?.host !== host || at.port !== port)) redis.disconnect(true);
      });
    });
    redis.on('close', () => stop());
  }
  return redis;
}

function clientOptions(place: RedisPlace, key: string, any: Seen): ClientOptions {
  const { url, sentinel, cluster, username, password } = place;
  const access: ClientOptions = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...securedBy(place),
  };
  const master: Seen = (info, address) => (info['role'] ?? 'master') === 'master' && any(info, address);
  if (sentinel !== undefined) {
    const locate = sentinelMaster(sentinel.nodes, sentinel.name, sentinelAccess(place));
    return { ...access, Connector: connectorTo(locate, master) };
  }
  if (cluster !== undefined) return { ...access, Connector: connectorTo(clusterMaster(cluster, key, access), master) };
  return { ...fromUrl(url ?? '', any), ...access };
}

const securedBy = ({ url, tls, ca }: RedisPlace): ClientOptions =>
  tls === true || url?.startsWith('rediss:') ? { tls: ca === undefined ? {} : { ca: readFileSync(ca) } } : {};

const sentinelAccess = (place: RedisPlace): ClientOptions => ({
  ...(place.sentinel?.username !== undefined && { username: place.sentinel.username }),
  ...(place.sentinel?.password !== undefined && { password: place.sentinel.password }),
  ...securedBy(place),
});

/** Host, port, user, password and database of the URL. */
function fromUrl(text: string, seen: Seen): ClientOptions {
  const { hostname, port, username, password, pathname } = new URL(text);
  const host = hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1';
  const address = { host, port: Number(port || 6379) };
  return {
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(pathname.length > 1 && { db: Number(pathname.slice(1)) }),
    Connector: connectorTo(() => Promise.resolve(address), seen),
  };
}
