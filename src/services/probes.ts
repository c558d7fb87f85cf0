import type { Balancer } from '../balancer/balancer.ts';
import type { Provider, ProviderProbe } from '../kernel/provider.ts';
import type { Exchange, HttpRequest, ResponseHandler } from '../kernel/upstream.ts';

/** From so on a status says that the provider itself fails; a refusal shows that it is there. */
const failing = 500;

/**
 * Probes the providers that are to be, by a request that costs no tokens: at once, and again after each interval. One
 * that leaves enough of them in a row unanswered is passed over until a probe or a call succeeds.
 */
export function startProbes(providers: Iterable<Provider>, balancer: Balancer): { close(): void } {
  const { clock } = balancer;
  const stops = new Set<() => void>();
  let closed = false;

  const probe = (provider: Provider, settings: ProviderProbe): void => {
    const pulse = balancer.pulseOf(provider);
    const request = requestOf(provider, settings);
    if (request === undefined) return;
    const question = new ProbeExchange((answered) => {
      stopTimer();
      stops.delete(stop);
      if (closed) return;
      if (answered) pulse.succeeded();
      else pulse.failed(settings.intervalMs + settings.timeoutMs, settings.failureThreshold);
      const again = clock.after(settings.intervalMs, () => {
        stops.delete(again);
        probe(provider, settings);
      });
      stops.add(again);
    });
    const stopTimer = clock.after(settings.timeoutMs, question.giveUp);
    const stop = () => {
      stopTimer();
      question.giveUp();
    };
    stops.add(stop);
    question.send(provider, request);
  };

  for (const provider of providers) {
    if (provider.probe !== undefined && provider.disabled === undefined) probe(provider, provider.probe);
  }
  return {
    close() {
      closed = true;
      for (const stop of stops) stop();
      stops.clear();
    },
  };
}

/** The list of models, or the path that the configuration names with that request's credentials. */
function requestOf({ adapter, keys }: Provider, { path }: ProviderProbe): HttpRequest | undefined {
  const list = adapter.models?.request(keys[0] ?? '');
  if (path === undefined) return list;
  return { method: 'GET', path, headers: list?.headers ?? {}, body: '' };
}

/** One probe; its body is of no interest. */
class ProbeExchange implements ResponseHandler {
  readonly #done: (answered: boolean) => void;
  #exchange: Exchange | undefined;
  #status = 0;
  #finished = false;

  constructor(done: (answered: boolean) => void) {
    this.#done = done;
  }

  send({ upstream }: Provider, request: HttpRequest): void {
    this.#exchange = upstream.send(request, this);
  }

  readonly giveUp = (): void => {
    this.#exchange?.cancel();
    this.#finish(false);
  };

  head(status: number): void {
    this.#status = status;
  }

  data(): void {}

  end(): void {
    this.#finish(this.#status < failing);
  }

  error(): void {
    this.#finish(false);
  }

  #finish(answered: boolean): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#done(answered);
  }
}
