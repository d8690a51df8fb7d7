// The contract of a network filter: asked once per connection, before HTTP or TCP is proxied on it. It is compiled with the resource and started
// once per filter chain, which is what its counts and budgets belong to.
import type { Clock } from '../../lib/clock.ts';
import type { Tally } from '../../lib/shared-tallies.ts';
import type { RuntimeLookup } from '../config/runtime-keys.ts';
import type { Exchange } from '../http/exchange.ts';

export type NetworkFilter = {
  /** The name in the filter chain. */
  readonly name: string;
  start(scope: NetworkScope): RunningNetworkFilter;
};

type NetworkScope = {
  readonly clock: Clock;
  /** Values of Envoy's runtime by key. */
  readonly runtime: RuntimeLookup;
  /** Threads that carry traffic: see `FilterScope.workers`. */
  readonly workers: number;
  /** What other threads have of what goes by this name in their chain; null where there are none. */
  tally(name: string): Tally | null;
  /** Shown as `<name>.<field>`; the same object for every caller of a name. */
  stats<Stats extends object>(name: string, make: () => Stats): Stats;
};

export type RunningNetworkFilter = {
  /** `record` is the connection as logs see it. A refusal closes it. */
  admit(record: Exchange): Refusal | null;
  /** A connection that was admitted is over. */
  leave?(): void;
};

/** `delay`: milliseconds before the connection is closed. `details`: as in `CONNECTION_TERMINATION_DETAILS`, or ''. */
export type Refusal = { readonly delay: number; readonly details: string };
