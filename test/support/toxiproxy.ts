import { once } from 'node:events';
import net from 'node:net';
import { part } from './parts.ts';
import { serve } from './process.ts';

/** What happens to the connections of a proxy. */
export type Weather = 'fair' | 'slow' | 'limited' | 'cut' | 'reset' | 'dead';

/** A TCP proxy before one server, whose weather changes. */
export interface WeatherProxy {
  readonly port: number;
  change(weather: Weather): Promise<void>;
}

export interface Toxiproxy {
  /** A proxy before `upstream`; while it is `limited`, another server of that dialect answers. Both are host:port. */
  proxy(name: string, upstream: string, limiter: string): Promise<WeatherProxy>;
  stop(): Promise<unknown>;
}

interface Toxic {
  readonly type: string;
  readonly attributes: Readonly<Record<string, number>>;
}

/** `cut` and `reset` end an answer amid its bytes, by a FIN and by an RST. */
const toxics: Partial<Record<Weather, () => Toxic>> = {
  slow: () => ({ type: 'latency', attributes: { latency: 400, jitter: 200 } }),
  cut: () => ({ type: 'limit_data', attributes: { bytes: 500 + Math.floor(Math.random() * 8_000) } }),
  reset: () => ({ type: 'reset_peer', attributes: { timeout: 50 + Math.floor(Math.random() * 400) } }),
};

/** Toxiproxy does not tell which port it took. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts Shopify's toxiproxy, driven by its HTTP API. */
export async function startToxiproxy(): Promise<Toxiproxy> {
  const port = await freePort();
  const server = await serve(
    part('toxiproxy-server'),
    ['-host', '127.0.0.1', '-port', String(port)],
    /Starting HTTP server/,
  );
  const api = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`toxiproxy: ${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  };
  const answers = () =>
    api('GET', '/proxies').then(
      () => true,
      () => false,
    );
  // It says that it starts before it listens.
  while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, 10));

  return {
    async proxy(name, upstream, limiter) {
      const made = (await api('POST', '/proxies', { name, listen: '127.0.0.1:0', upstream, enabled: true })) as {
        listen: string;
      };
      const { listen } = made;
      let weather: Weather = 'fair';
      return {
        port: Number(listen.slice(listen.lastIndexOf(':') + 1)),
        async change(next) {
          if (toxics[weather] !== undefined) await api('DELETE', `/proxies/${name}/toxics/weather`);
          weather = next;
          const server = next === 'limited' ? limiter : upstream;
          await api('POST', `/proxies/${name}`, { listen, upstream: server, enabled: next !== 'dead' });
          const toxic = toxics[next]?.();
          if (toxic !== undefined) {
            await api('POST', `/proxies/${name}/toxics`, {
              name: 'weather',
              stream: 'downstream',
              toxicity: 1,
              ...toxic,
            });
          }
        },
      };
    },
    stop: () => server.stop(),
  };
}
