import type { Clock } from '../kernel/clock.ts';
import type { Exchange, HttpRequest, ResponseHandler, SignRequest, Upstream } from '../kernel/upstream.ts';

/** An exchange whose request is being signed: what is asked of it before it is sent happens when it is. */
class SigningExchange implements Exchange {
  #sent: Exchange | undefined;
  #cancelled = false;
  #paused = false;

  cancel(closed?: () => void): void {
    this.#cancelled = true;
    if (this.#sent === undefined) closed?.();
    else this.#sent.cancel(closed);
  }

  pause(): void {
    this.#paused = true;
    this.#sent?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#sent?.resume();
  }

  async run(signed: Promise<HttpRequest>, upstream: Upstream, handler: ResponseHandler): Promise<void> {
    let request: HttpRequest;
    try {
      request = await signed;
    } catch (cause) {
      if (!this.#cancelled) handler.error('connect', cause);
      return;
    }
    if (this.#cancelled) return;
    this.#sent = upstream.send(request, handler);
    if (this.#paused) this.#sent.pause();
  }
}

/** An upstream that signs what it sends. `upstream` may be shared with others: closing this one leaves it open. */
export const signingUpstream = (upstream: Upstream, sign: SignRequest, host: string, clock: Clock): Upstream => ({
  send(request, handler) {
    const exchange = new SigningExchange();
    // It tells its failures to the handler; what rejects beyond that is the handler's own throw.
    void exchange.run(sign(request, host, clock.wall()), upstream, handler);
    return exchange;
  },
  close: async () => {},
});
