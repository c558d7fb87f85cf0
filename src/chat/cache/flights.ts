import type { Clock } from '../../kernel/clock.ts';
import { Code, Fault } from '../../kernel/fault.ts';
import type { ChatResponse } from '../../kernel/messages.ts';
import { pause } from '../../kernel/pause.ts';
import type { CacheEvents, CacheResult, ResponseStore, Turn } from '../../kernel/response-cache.ts';
import type { Asked } from './asked.ts';
import { Flight } from './flight.ts';
import { LiveSeat, WaitingSeat } from './seat.ts';
import type { Sender } from './send.ts';
import type { Found, Shelf } from './shelf.ts';
import { serveKept, tellFlight } from './tell.ts';

export interface FlightsOptions {
  readonly store: ResponseStore;
  readonly shelf: Shelf;
  readonly sender: Sender;
  readonly maxEntryBytes: number;
  readonly clock: Clock;
  readonly events: CacheEvents;
}

/** How long a call that waits for another process's answer waits before it looks again: the first time, and at most. */
const firstLookMs = 20;
const lastLookMs = 200;

/** Faults that the same request would get again. */
const ofTheRequest: ReadonlySet<Code> = new Set([Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.FAILED_PRECONDITION]);

/** The flight that a call was in failed through no fault of the request, before the call had anything of it. */
class Missed extends Error {
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}

/** The questions under way, one for all who ask the same. */
export class Flights {
  readonly #options: FlightsOptions;
  readonly #flights = new Map<string, Flight>();

  constructor(options: FlightsOptions) {
    this.#options = options;
  }

  /** Whether a question is under way. */
  has(key: string): boolean {
    return this.#flights.has(key);
  }

  /** Asks, with all who ask the same at the time. A failure that is not the request's own is tried once more. */
  async ask(asked: Asked): Promise<void> {
    const { events } = this.#options;
    for (let again = false; ; again = true) {
      const under = this.#flights.get(asked.key);
      if (under !== undefined) events.waited('process');
      try {
        return await (under === undefined ? this.launch(asked, 'miss') : this.#ride(under, asked, 'shared'));
      } catch (thrown) {
        if (!(thrown instanceof Missed)) throw thrown;
        if (!again) continue;
        events.served('shared');
        throw thrown.fault;
      }
    }
  }

  /** Begins to ask; for a `refresh` nobody else has a part in it. */
  launch(asked: Asked, result: 'miss' | 'refresh'): Promise<void> {
    const { call, key, streaming } = asked;
    const { store, maxEntryBytes } = this.#options;
    const flight: Flight = new Flight(call, streaming, result, maxEntryBytes, () => {
      if (this.#flights.get(key) !== flight) return;
      this.#flights.delete(key);
      // Others need not wait for the end of what they will not find.
      if (flight.oversize) store.release?.(key, true);
    });
    const alone = result === 'refresh';
    if (!alone) this.#flights.set(key, flight);
    const landed = this.#ride(flight, asked, result);
    void this.#fly(flight, asked, alone);
    return landed;
  }

  async #fly(flight: Flight, asked: Asked, alone: boolean): Promise<void> {
    const { store, shelf } = this.#options;
    let ours = false;
    let fault: Fault | undefined;
    try {
      const found =
        alone || store.claim === undefined ? undefined : await this.#claim(flight, asked, store.claim(asked.key));
      if (found !== undefined) flight.find(found);
      else {
        ours = !alone;
        flight.call.cancellation.throwIfCancelled();
        await asked.method(flight.call, asked.request, flight);
      }
    } catch (thrown) {
      fault = Fault.from(thrown);
    }
    flight.settle(fault);
    const answered = fault === undefined && flight.found === undefined;
    const kept = answered && shelf.keep(flight.response, asked, flight.oversize);
    if (ours && !flight.oversize) store.release?.(asked.key, answered && !kept);
  }

  /** Waits until the answer is there, or it is for this process to get it. */
  async #claim(flight: Flight, asked: Asked, first: Promise<Turn>): Promise<Found | undefined> {
    const { store, shelf, clock, events } = this.#options;
    let look = firstLookMs;
    for (let turn: Turn | undefined = await first; turn !== undefined; turn = await store.claim?.(asked.key)) {
      const found = shelf.read(turn.kept, asked);
      if (found !== undefined && turn.ours) store.release?.(asked.key, false);
      if (found !== undefined || turn.ours) return found;
      if (!flight.waited) events.waited('store');
      flight.waited = true;
      await pause(clock, flight.call, look);
      look = Math.min(look * 1.5, lastLookMs);
    }
    return undefined;
  }

  /** Takes a flight's answer to its caller. Rejects with Missed where the caller may try anew. */
  async #ride(flight: Flight, asked: Asked, result: CacheResult): Promise<void> {
    const { sender, clock, events } = this.#options;
    const { call, reply, streaming } = asked;
    const begin = () => {
      tellFlight(call, flight.call.replyHeaders, result);
      call.firstTokenAt ??= clock.now();
    };
    const report = (usage: ChatResponse['usage']) => {
      if (flight.payer === call) return flight.bill(call);
      return serveKept(call, { report: flight.call.report, usage }, 'shared', 0, clock.now());
    };
    const seat =
      streaming && flight.streaming
        ? new LiveSeat(flight, call, reply, begin, (last) => ({ ...last, report: report(last.usage) }))
        : new WaitingSeat(flight, call);
    seat.sit();
    try {
      await seat.done;
    } catch (thrown) {
      const fault = Fault.from(thrown);
      const pays = flight.payer === call;
      if (!pays && !seat.left && !seat.begun && !ofTheRequest.has(fault.shape.code)) throw new Missed(fault);
      events.served(result);
      if (!seat.left) tellFlight(call, flight.call.replyHeaders, result);
      flight.bill(call);
      throw fault;
    }
    const { response, found } = flight;
    const served = found === undefined ? result : flight.waited ? 'shared' : 'hit';
    events.served(served);
    if (found !== undefined) return sender.sendFound(asked, found, served);
    if (seat.begun) return;
    if (response === undefined) throw new Fault('INTERNAL', 'internal error', { cause: 'a flight without an answer' });
    begin();
    return sender.send(asked, { ...response, report: report(response.usage) });
  }
}
