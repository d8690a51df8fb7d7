// The proxy around a filter under test: time stands still, chance always comes out lowest, counters start at zero.
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import type { FilterScope } from '../filter/filter.ts';
import { FilterStats } from '../router/filter-stats.ts';
import { silentLog } from './harness.ts';

export function testScope(change: Partial<FilterScope> = {}): FilterScope {
  const clock = change.clock ?? new ManualClock();
  const stats = new FilterStats();
  const raise = (error: unknown) => {
    throw error;
  };
  return {
    clock,
    wheel: new TimerWheel(clock, raise),
    random: () => 0,
    log: silentLog([]),
    prefix: 'http.test.',
    stats: (name, make) => stats.get(name, make),
    ...change,
  };
}
