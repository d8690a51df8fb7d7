// A fault in handling one connection must not end the others: what nobody caught is logged and counted, and the thread goes on.
import type { Log } from '../../lib/log.ts';

export function countFaults(log: Log): { readonly count: number } {
  const faults = { count: 0 };
  const note = (kind: string) => (error: unknown) => {
    faults.count += 1;
    log.error({ err: error, kind }, 'uncaught fault');
  };
  process.on('uncaughtException', note('exception'));
  process.on('unhandledRejection', note('rejection'));
  return faults;
}
