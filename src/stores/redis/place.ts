/** Where the store is: one of `url`, `sentinel` and `cluster`, and what opens it. */
export interface RedisPlace {
  /** `redis://` or `rediss://`. */
  readonly url?: string | undefined;
  /** A master found by Sentinel; the nodes are the sentinels', as host:port. */
  readonly sentinel?:
    | {
        readonly name: string;
        readonly nodes: readonly string[];
        readonly username?: string | undefined;
        readonly password?: string | undefined;
      }
    | undefined;
  /** Nodes of a cluster, as host:port; those that it has beside them are learned. */
  readonly cluster?: readonly string[] | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: boolean | undefined;
  /** PEM file of the authorities that the servers' certificates are checked by. */
  readonly ca?: string | undefined;
}

/** Whether the configuration names a store at all. */
export const namesRedis = ({ url, sentinel, cluster }: RedisPlace): boolean =>
  url !== undefined || sentinel !== undefined || cluster !== undefined;
