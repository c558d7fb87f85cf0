import type { Clock } from '../kernel/clock.ts';
import type { WireData } from './dialect.ts';
import type { Script, Step } from './script.ts';

/** Where a script is played. */
export interface Stage {
  head(status: number, headers: Readonly<Record<string, string>>): void;
  data(bytes: Buffer): void;
  end(): void;
  /** The connection closes amid the answer. */
  close(): void;
  reset(): void;
  /** There never was a connection. */
  refuse(): void;
}

const bytesOf = (data: WireData): Buffer =>
  typeof data === 'string' ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** Steps played in one go before others get their turn. */
const STEPS_A_TURN = 512;

/** Plays a script: waits by the clock, holds while paused, stops when cancelled. After the last step nothing follows. */
export class Playback {
  readonly #steps: readonly Step[];
  readonly #stage: Stage;
  readonly #clock: Clock;
  #at = 0;
  /** When the next step is due; waits add up, so that late timers do not slow a stream down. */
  #due: number;
  #stopTimer: (() => void) | undefined;
  #paused = false;
  #running = false;
  #over = false;

  constructor(script: Script, stage: Stage, clock: Clock) {
    this.#steps = script.steps;
    this.#stage = stage;
    this.#clock = clock;
    this.#due = clock.now();
  }

  start(): void {
    this.#run();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#run();
  }

  cancel(): void {
    this.#over = true;
    this.#stopTimer?.();
  }

  #run(): void {
    // A stage may pause, resume or cancel within a step.
    if (this.#running || this.#stopTimer !== undefined) return;
    this.#running = true;
    for (let played = 0; !this.#over && !this.#paused; played++) {
      const step = this.#steps[this.#at];
      if (step === undefined || !this.#isDue(step)) break;
      if (played === STEPS_A_TURN) {
        this.#sleep(0);
        break;
      }
      this.#at++;
      this.#play(step);
    }
    this.#running = false;
  }

  #isDue(step: Step): boolean {
    if (!('wait' in step)) return true;
    if (step.wait === Number.POSITIVE_INFINITY) return false;
    const left = this.#due + step.wait - this.#clock.now();
    if (left <= 0) return true;
    this.#sleep(left);
    return false;
  }

  #sleep(milliseconds: number): void {
    this.#stopTimer = this.#clock.after(milliseconds, () => {
      this.#stopTimer = undefined;
      this.#run();
    });
  }

  #play(step: Step): void {
    if ('data' in step) this.#stage.data(bytesOf(step.data));
    else if ('wait' in step) this.#due += step.wait;
    else if ('head' in step) this.#stage.head(step.head, step.headers);
    else {
      this.#over = true;
      this.#stage[step.last]();
    }
  }
}
