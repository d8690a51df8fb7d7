// What the connection manager and the router need of the proxy around them.
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Tally } from '../../lib/shared-tallies.ts';
import type { TimerWheel } from '../../lib/timer-wheel.ts';
import type { ClusterClient } from '../client/cluster-client.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { OnDemand } from '../config/on-demand.ts';
import type { RuntimeLookup } from '../config/runtime-keys.ts';
import type { SecretRef, SecretValue } from '../config/tls-types.ts';
import type { FilterScope } from '../filter/filter.ts';
import type { ListenerOverload } from '../overload/listener-overload.ts';
import type { RouteTable } from '../route/table.ts';

export type RouterServices = {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: () => number;
  readonly log: Log;
  readonly overload: Pick<ListenerOverload, 'shedsRequests' | 'endsKeepAlive'>;
  /** Values of Envoy's runtime by key. */
  readonly runtime: RuntimeLookup;
  /** Whether health checks fail because somebody asked for it. */
  readonly health: { readonly failing: boolean };
  /** While it fails answers end their connections: `health`, or nothing. */
  readonly leaving: { readonly failing: boolean };
  /** See `FilterScope.workers`. */
  readonly workers: number;
  /** See `FilterScope.tally`. */
  tally(name: string): Tally | null;
  /** Who this proxy is. */
  readonly node: FilterScope['node'] & { readonly zone: string };
  /** This machine's address, which stands in X-Forwarded-For for a client on loopback. */
  readonly localAddress: string;
  /** See `FilterScope.stats`. */
  readonly filterStats: FilterScope['stats'];
  /** For calls of the proxy's own. */
  readonly client: ClusterClient;
  readonly clusters: { get(name: string): Cluster | undefined };
  readonly routes: { get(name: string): RouteTable | undefined };
  readonly onDemand: OnDemand;
  /** undefined while it has not come. */
  readonly secrets: { get(ref: SecretRef): SecretValue | undefined };
};
