import type { RedisServer } from '../../src/stores/testing/redis-server.ts';
import { ask, type RedisTopology } from '../../src/stores/testing/redis-topologies.ts';
import type { Fault } from './limits-chaos.ts';
import type { Weather, WeatherProxy } from './toxiproxy.ts';

const nothing = () => Promise.resolve();

/** What can be done to one server. */
export function serverFaults(server: RedisServer): readonly Fault[] {
  return [
    {
      name: 'kill -9, then started again',
      out: true,
      forgets: true,
      takenOver: false,
      begin: async () => server.signal('SIGKILL'),
      end: () => server.restart(),
    },
    {
      name: 'SIGSTOP, then SIGCONT',
      out: true,
      forgets: false,
      takenOver: false,
      begin: async () => server.signal('SIGSTOP'),
      end: async () => server.signal('SIGCONT'),
    },
    {
      name: 'FLUSHALL and SCRIPT FLUSH',
      out: false,
      forgets: true,
      takenOver: false,
      begin: async () => [await ask(server.port, 'FLUSHALL'), await ask(server.port, 'SCRIPT', 'FLUSH')],
      end: nothing,
    },
    {
      name: 'full (OOM)',
      out: true,
      forgets: false,
      takenOver: false,
      begin: () => ask(server.port, 'CONFIG', 'SET', 'maxmemory', '1'),
      end: () => ask(server.port, 'CONFIG', 'SET', 'maxmemory', '0'),
    },
  ];
}

/** What can be done to the way there. */
export function wayFaults(proxy: WeatherProxy): readonly Fault[] {
  const weather = (name: string, bad: Weather): Fault => ({
    name,
    out: true,
    forgets: false,
    takenOver: false,
    begin: () => proxy.change(bad),
    end: () => proxy.change('fair'),
  });
  return [weather('cut', 'dead'), weather('200 to 600 ms late', 'slow')];
}

/** What can become of the master of several servers. */
export function masterFaults(topology: RedisTopology, signals: readonly NodeJS.Signals[]): readonly Fault[] {
  const dies = (signal: NodeJS.Signals): Fault => {
    let dead: RedisServer | undefined;
    return {
      name: `${signal} to the master, a replica takes over`,
      out: true,
      forgets: false,
      takenOver: true,
      async begin() {
        dead = await topology.master();
        dead.signal(signal);
      },
      async end() {
        await topology.master();
        await dead?.restart();
      },
    };
  };
  return [
    {
      name: 'the master hands over',
      out: false,
      forgets: false,
      takenOver: true,
      begin: () => topology.handOver(),
      end: nothing,
    },
    ...signals.map(dies),
  ];
}
