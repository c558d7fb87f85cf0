import { type Clock, systemClock } from '../kernel/clock.ts';
import type { Exchange, HttpRequest, ResponseHandler, Upstream } from '../kernel/upstream.ts';
import { Playback, type Stage } from './playback.ts';
import { Simulator, type SimulatorOptions } from './simulator.ts';

export interface SimulatorUpstreamOptions extends SimulatorOptions {
  readonly clock?: Clock;
}

/** The handler's side of an exchange, with failures as a socket would bring them. */
const stageOf = (handler: ResponseHandler, over: () => void): Stage => {
  const fail = (kind: 'reset' | 'connect', message: string) => {
    over();
    handler.error(kind, new Error(message));
  };
  return {
    head: (status, headers) => handler.head(status, headers),
    data: (bytes) => handler.data(bytes),
    end() {
      over();
      handler.end();
    },
    close: () => fail('reset', 'the simulator closed the connection'),
    reset: () => fail('reset', 'the simulator reset the connection'),
    refuse: () => fail('connect', 'the simulator refused the connection'),
  };
};

class SimulatorUpstream implements Upstream {
  readonly #simulator: Simulator;
  readonly #clock: Clock;
  readonly #running = new Set<Exchange>();
  #onIdle: (() => void) | undefined;
  #closed = false;

  constructor(options: SimulatorUpstreamOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#simulator = new Simulator(this.#clock, options);
  }

  send(request: HttpRequest, handler: ResponseHandler): Exchange {
    const body = typeof request.body === 'string' ? request.body : Buffer.from(request.body).toString();
    const script = this.#closed
      ? { steps: [{ last: 'refuse' as const }], course: 'refuse' }
      : this.#simulator.ask(request.method, request.path, body).script;
    const over = () => {
      this.#running.delete(exchange);
      if (this.#running.size === 0) this.#onIdle?.();
    };
    const playback = new Playback(script, stageOf(handler, over), this.#clock);
    const exchange: Exchange = {
      cancel(closed) {
        playback.cancel();
        over();
        closed?.();
      },
      pause: () => playback.pause(),
      resume: () => playback.resume(),
    };
    this.#running.add(exchange);
    // As over a socket, nothing is heard before `send` has returned.
    queueMicrotask(() => playback.start());
    return exchange;
  }

  /** Lets running exchanges finish; refuses new ones. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }
}

/** The simulator as a provider's upstream, without a socket. */
export const createSimulatorUpstream = (options: SimulatorUpstreamOptions = {}): Upstream =>
  new SimulatorUpstream(options);
