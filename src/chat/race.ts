import type { Candidate } from '../balancer/policy.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { Failed, type Shot } from './shot.ts';

interface Runner<T> {
  readonly candidate: Candidate;
  readonly shot: Shot<T>;
}

interface Course<T> {
  /** Starts the second attempt; undefined where there is nobody to ask. */
  second(): Runner<T> | undefined;
  /** One attempt failed while the other still runs. */
  failed(failed: Failed): void;
  /** It is known who serves; `won` if it is the second. */
  over(won: boolean): void;
}

/**
 * A slow attempt gets a rival after `delay` milliseconds: whichever begins first is kept, and the other cancelled at
 * that moment. Rejects with a Failed: of the one kept, or the last one where neither began.
 */
export function race<T>(first: Runner<T>, clock: Clock, delay: number, course: Course<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const running = new Set<Runner<T>>();
    let winner: Runner<T> | undefined;
    let second: Runner<T> | undefined;

    const win = (runner: Runner<T>) => {
      if (winner !== undefined) return;
      winner = runner;
      stopTimer();
      if (second !== undefined) course.over(runner === second);
      for (const other of running) {
        if (other !== runner) other.shot.cancel(new Fault('CANCELLED', 'another attempt was faster'));
      }
    };
    const enter = (runner: Runner<T>) => {
      running.add(runner);
      runner.shot.onBegin = () => win(runner);
      runner.shot.done.then(
        (value) => {
          win(runner);
          if (winner === runner) resolve(value);
        },
        (thrown: unknown) => {
          running.delete(runner);
          if (winner !== undefined && winner !== runner) return;
          const failed = new Failed(runner.candidate, Fault.from(thrown));
          if (winner === undefined && running.size > 0) {
            course.failed(failed);
            return;
          }
          stopTimer();
          if (winner === undefined && second !== undefined) course.over(false);
          reject(failed);
        },
      );
    };

    const stopTimer = clock.after(delay, () => {
      if (winner !== undefined) return;
      try {
        second = course.second();
      } catch {
        // The other dialect can't carry the request: the first attempt goes on alone.
        return;
      }
      if (second !== undefined) enter(second);
    });
    enter(first);
  });
}
