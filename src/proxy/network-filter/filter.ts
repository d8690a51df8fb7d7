// The contract of a network filter: asked once per connection, before HTTP or TCP is proxied on it. It is compiled with the resource and started
// once per filter chain, which is what its counts and budgets belong to.
import type { Clock } from '../../lib/clock.ts';
import type { Tally } from '../../lib/shared-tallies.ts';
import type { ClusterClient } from '../client/cluster-client.ts';
import type { RuntimeLookup } from '../config/runtime-keys.ts';
import type { Exchange } from '../http/exchange.ts';
import type { MetricRules } from '../log/metric-rules.ts';

export type NetworkFilter = {
  /** The name in the filter chain. */
  readonly name: string;
  /** How Istio's metrics are made of its connections. */
  readonly metrics?: MetricRules;
  /** A protocol that the chain is not to agree on in a handshake. */
  readonly shunsAlpn?: string;
  start(scope: NetworkScope): RunningNetworkFilter;
};

export type NetworkScope = {
  readonly clock: Clock;
  readonly random: () => number;
  /** Values of Envoy's runtime by key. */
  readonly runtime: RuntimeLookup;
  /** Threads that carry traffic: see `FilterScope.workers`. */
  readonly workers: number;
  readonly client: ClusterClient;
  /** What other threads have of what goes by this name in their chain; null where there are none. */
  tally(name: string): Tally | null;
  /** Shown as `<name>.<field>`; the same object for every caller of a name. */
  stats<Stats extends object>(name: string, make: () => Stats): Stats;
};

export type RunningNetworkFilter = Admitting | Asking;

/** Says at once. `record` is the connection as logs see it. A refusal closes it. */
export type Admitting = {
  admit(record: Exchange): Refusal | null;
  /** A connection that was admitted is over. */
  leave?(): void;
};

/** Must ask somebody else: nothing is read of the connection meanwhile. */
export type Asking = {
  /** `done` is called once, perhaps before this returns. The result gives the question up. */
  ask(record: Exchange, done: (refusal: Refusal | null) => void): () => void;
};

/** `delay`: milliseconds before the connection is closed. `details`: as in `CONNECTION_TERMINATION_DETAILS`, or ''. */
export type Refusal = { readonly delay: number; readonly details: string };
