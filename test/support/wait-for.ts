// Waiting for a condition with a deadline: the only way a test may wait.
import { setTimeout as pause } from 'node:timers/promises';

/** Milliseconds: far more than anything takes on a busy machine. Who waits for it finds a fault. */
export const PATIENCE = 30_000;

/** Asks `probe` until it answers something other than undefined or false; what it threw last is the cause of the timeout. */
export async function waitFor<T>(
  what: string,
  probe: () => T | Promise<T>,
  { deadline = PATIENCE, every = 15 }: { deadline?: number | undefined; every?: number } = {},
): Promise<Exclude<T, undefined | false>> {
  const end = performance.now() + deadline;
  let cause: unknown;
  for (;;) {
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= end) throw new Error(`${what}: not within ${deadline} ms`, { cause });
    await pause(every);
  }
}

/** Rejects when `promise` takes longer. */
export async function within<T>(what: string, promise: Promise<T>, deadline = PATIENCE): Promise<T> {
  const timer = new AbortController();
  const timeout = pause(deadline, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`${what}: not within ${deadline} ms`);
  });
  timeout.catch(() => undefined);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    timer.abort();
  }
}
