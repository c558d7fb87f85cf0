import net from 'node:net';
import tls from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';

/** Fields of a server's INFO, by name; empty where it may not be asked. */
export type ServerInfo = Readonly<Record<string, string | undefined>>;

/** ioredis' options, but for the one that changes the types of replies. */
export type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The stream of one connection, as ioredis takes it. */
type Stream = Awaited<ReturnType<AbstractConnector['connect']>>;

const pauseMs = 200;
/** How long a connection that is given up may take to close by itself. */
const closeWithinMs = 500;

/** Shown where a connection leads and that server's INFO before the first command goes there; whether it is the right one. */
export type Seen = (info: ServerInfo, address: Address) => boolean;

/** Makes the sockets of one client. */
export type Connector = new (options: unknown) => AbstractConnector;

/**
 * Connects to wherever `locate` says at that moment. It never gives up, for ioredis would not begin anew: while nothing is
 * found it goes on looking.
 */
export function connectorTo(locate: () => Promise<Address>, seen: Seen): Connector {
  return class extends AbstractConnector {
    readonly #tls: tls.ConnectionOptions | undefined;
    #address: Address = { host: '', port: 0 };

    constructor(options: unknown) {
      super(closeWithinMs);
      this.#tls = (options as ClientOptions).tls;
    }

    override check(info: ServerInfo): boolean {
      return seen(info, this.#address);
    }

    async connect(tell: (type: string, error: Error) => void): Promise<Stream> {
      this.connecting = true;
      for (;;) {
        try {
          this.#address = await locate();
          const { host, port } = this.#address;
          if (!this.connecting) break;
          this.stream = this.#tls === undefined ? net.connect({ host, port }) : secure(host, port, this.#tls);
          this.stream.once('error', (error) => {
            this.firstError = error;
          });
          return this.stream;
        } catch (thrown) {
          if (!this.connecting) break;
          tell('error', thrown instanceof Error ? thrown : new Error('no server was found'));
          await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
        if (!this.connecting) break;
      }
      throw new Error('the connection is closed');
    }
  };
}

/** Names the server asked for, where it has a name: hosted ones choose their certificate by it. */
const secure = (host: string, port: number, options: tls.ConnectionOptions): tls.TLSSocket =>
  tls.connect({ host, port, ...(net.isIP(host) === 0 && { servername: host }), ...options });
