import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { ListedModel, ModelListApi, ModelListing } from '../kernel/model-listing.ts';
import type { Provider } from '../kernel/provider.ts';
import type { Exchange, ResponseHandler, ResponseHeaders, UpstreamFailure } from '../kernel/upstream.ts';

export interface ModelListsOptions {
  readonly providers: Iterable<Provider>;
  /** Names of those that are asked at once; others wait until somebody wants to know. */
  readonly eager: ReadonlySet<string>;
  readonly clock: Clock;
  readonly intervalMs: number;
  /** How long an answer may take. */
  readonly timeoutMs: number;
  /** Told of each failure; what was listed before still stands. */
  readonly onFailure: (provider: string, fault: Fault) => void;
}

/** Keeps providers' listings: asked in the background, again after each interval, and never waited for. */
export interface ModelLists {
  /** Asks those that were not asked yet. */
  wake(): void;
  close(): void;
}

/** Most bytes of a list. */
const longest = 16 * 1024 * 1024;

interface Source {
  readonly provider: Provider;
  readonly api: ModelListApi;
  readonly listing: ModelListing;
}

export function createModelLists(options: ModelListsOptions): ModelLists {
  const { clock, intervalMs } = options;
  const waiting = new Map<string, Source>();
  const stops = new Set<() => void>();
  let closed = false;

  const later = (ms: number, action: () => void) => {
    const stop = clock.after(ms, () => {
      stops.delete(stop);
      action();
    });
    stops.add(stop);
  };

  const ask = async (source: Source): Promise<void> => {
    const question = new Question(source, clock, options.timeoutMs);
    stops.add(question.cancel);
    try {
      source.listing.replace(await question.answer);
    } catch (thrown) {
      if (!closed) options.onFailure(source.provider.name, Fault.from(thrown));
    }
    stops.delete(question.cancel);
    if (!closed) later(intervalMs, () => void ask(source));
  };

  for (const provider of options.providers) {
    const api = provider.adapter.models;
    const { listing } = provider;
    if (api === undefined || listing === undefined || provider.disabled !== undefined) continue;
    const source = { provider, api, listing };
    if (options.eager.has(provider.name)) void ask(source);
    else waiting.set(provider.name, source);
  }

  return {
    wake() {
      for (const source of waiting.values()) void ask(source);
      waiting.clear();
    },
    close() {
      closed = true;
      for (const stop of stops) stop();
      stops.clear();
    },
  };
}

/** One request for a list. */
class Question implements ResponseHandler {
  readonly answer: Promise<readonly ListedModel[]>;
  readonly #source: Source;
  readonly #clock: Clock;
  readonly #stopTimer: () => void;
  #resolve: (models: readonly ListedModel[]) => void = () => {};
  #reject: (cause: unknown) => void = () => {};
  #exchange: Exchange | undefined;
  #status = 0;
  #headers: ResponseHeaders = {};
  #pieces: Uint8Array[] = [];
  #length = 0;
  #done = false;

  constructor(source: Source, clock: Clock, timeoutMs: number) {
    this.#source = source;
    this.#clock = clock;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#stopTimer = clock.after(timeoutMs, this.cancel);
    const { provider, api } = source;
    this.#exchange = provider.upstream.send(api.request(provider.keys[0] ?? ''), this);
    if (this.#done) this.#exchange.cancel();
  }

  readonly cancel = (): void => {
    this.#fail(new Fault('PROVIDER_TIMEOUT', 'the provider did not list its models in time', { blame: 'provider' }));
    this.#exchange?.cancel();
  };

  head(status: number, headers: ResponseHeaders): void {
    this.#status = status;
    this.#headers = headers;
  }

  data(bytes: Uint8Array): void {
    if (this.#done) return;
    this.#length += bytes.length;
    // The bytes are the connection's: they are overwritten once this returns.
    if (this.#length <= longest) this.#pieces.push(Uint8Array.from(bytes));
    else {
      this.#fail(new Fault('PROVIDER_MALFORMED', 'the provider’s list of models is too long', { blame: 'provider' }));
      this.#exchange?.cancel();
    }
  }

  end(): void {
    if (this.#done) return;
    this.#done = true;
    this.#stopTimer();
    const body = Buffer.concat(this.#pieces);
    const { adapter } = this.#source.provider;
    try {
      if (this.#status < 200 || this.#status > 299) {
        const failure = { status: this.#status, headers: this.#headers, body, now: this.#clock.wall() };
        throw adapter.fault(failure);
      }
      this.#resolve(this.#source.api.decode(body));
    } catch (cause) {
      this.#reject(cause);
    }
  }

  error(kind: UpstreamFailure, cause: unknown): void {
    const failed = new Fault('PROVIDER_UNAVAILABLE', `the provider could not be asked (${kind})`, {
      blame: 'provider',
      cause,
    });
    this.#fail(cause instanceof Fault ? cause : failed);
  }

  #fail(fault: Fault): void {
    if (this.#done) return;
    this.#done = true;
    this.#stopTimer();
    this.#reject(fault);
  }
}
