/** Time, as everything but this file sees it, so that tests can hold it still. */
export interface Clock {
  /** Milliseconds that only grow; for durations and deadlines. */
  now(): number;
  /** Milliseconds since the Unix epoch; for what leaves the process. */
  wall(): number;
  /** Runs `action` after `ms`, never before, unless the function returned is called first. The timer keeps no process alive. */
  after(ms: number, action: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, action) {
    // Node cuts fractions off and counts from a loop time that may be a millisecond old: it would be early.
    const timer = setTimeout(action, Math.ceil(ms) + 1);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
