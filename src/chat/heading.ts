import type { Call } from '../kernel/call.ts';
import type { Clock } from '../kernel/clock.ts';

/** What every answer, and every chunk of one, begins with. */
interface Headed {
  id: string;
  created: number;
  model: string;
  source?: string | undefined;
}

/**
 * An answer's id, time and model: the provider's own where it tells them, else ours. All chunks of a stream have the
 * same, whoever finishes it: clients put them together by it.
 */
export class Heading {
  readonly #call: Call;
  readonly #clock: Clock;
  #id = '';
  #created = 0;
  #model = '';

  constructor(call: Call, clock: Clock) {
    this.#call = call;
    this.#clock = clock;
  }

  /** An attempt begins to answer; `asked` is the model's name where `early`, its first messages, tell none. */
  begin(early: readonly Headed[], asked: string): void {
    this.#model = '';
    // Not all tell it in the first chunk.
    for (const { id, created, model } of early) {
      this.#id ||= id;
      this.#created ||= created;
      this.#model ||= model;
    }
    this.#id ||= `chatcmpl-${this.#call.id}`;
    this.#created ||= Math.floor(this.#clock.wall() / 1000);
    this.#model ||= asked;
  }

  put(message: Headed): void {
    if (message.source !== undefined && !this.#isOn(message)) message.source = undefined;
    message.id = this.#id;
    message.created = this.#created;
    message.model ||= this.#model;
  }

  /** Whether it has the heading already. */
  #isOn({ id, created, model }: Headed): boolean {
    return id === this.#id && created === this.#created && model !== '';
  }
}
