import { once } from 'node:events';
import net from 'node:net';

/** What a proxy does to the connections that go through it. */
export type Weather = 'fair' | 'slow' | 'cut' | 'reset' | 'dead';

/** A TCP proxy before one server, whose weather changes. */
export interface ChaosProxy {
  readonly port: number;
  weather: Weather;
  /** Connections open now. */
  readonly open: number;
  close(): Promise<void>;
}

const slowMs = 400;

/**
 * `slow` delays what the server says, `cut` ends a connection by a FIN and `reset` by an RST after `cutAfter()` bytes of
 * answers, `dead` takes no new connections and breaks those that are.
 */
export async function openChaosProxy(serverPort: number, cutAfter: () => number): Promise<ChaosProxy> {
  const inside = new Set<net.Socket>();
  let weather: Weather = 'fair';

  const listener = net.createServer((client) => {
    if (weather === 'dead') {
      client.resetAndDestroy();
      return;
    }
    inside.add(client);
    const server = net.connect(serverPort, '127.0.0.1');
    client.setNoDelay(true);
    server.setNoDelay(true);
    let left = cutAfter();
    let due = 0;
    const late: (string | Uint8Array)[] = [];
    const over = () => {
      inside.delete(client);
      server.destroy();
      client.destroySoon();
    };
    client.on('data', (bytes) => {
      left = cutAfter();
      server.write(bytes);
    });
    server.on('data', (bytes) => {
      if (weather === 'cut' || weather === 'reset') {
        left -= bytes.length;
        if (left < 0) {
          if (weather === 'reset') client.resetAndDestroy();
          over();
          return;
        }
      }
      // What was delayed is never overtaken.
      const now = performance.now();
      due = Math.max(due, weather === 'slow' ? now + slowMs : now);
      if (due <= now && late.length === 0) client.write(bytes);
      else {
        late.push(bytes);
        setTimeout(() => {
          const next = late.shift();
          if (next !== undefined) client.write(next);
        }, due - now);
      }
    });
    for (const socket of [client, server]) {
      socket.on('error', () => {});
      socket.on('close', over);
    }
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as net.AddressInfo).port,
    get weather() {
      return weather;
    },
    set weather(next) {
      weather = next;
      if (next === 'dead') for (const socket of inside) socket.resetAndDestroy();
    },
    get open() {
      return inside.size;
    },
    async close() {
      for (const socket of inside) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
