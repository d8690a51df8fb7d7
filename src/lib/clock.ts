// Time as a parameter: everything that waits or measures takes a Clock, so that tests move time by hand.

export type Clock = {
  /** Monotonic milliseconds, with fractions. */
  now(): number;
  /** Milliseconds since the epoch. */
  epoch(): number;
  /** Calls `wake` once, `delay` milliseconds from now; does not keep the process alive. The result cancels it. */
  after(delay: number, wake: () => void): () => void;
};

export const systemClock: Clock = {
  now: () => performance.now(),
  epoch: () => Date.now(),
  after(delay, wake) {
    const timer = setTimeout(wake, delay);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
