// What clusters need of the proxy around them.
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Tally } from '../../lib/shared-tallies.ts';
import type { TimerWheel } from '../../lib/timer-wheel.ts';
import type { LocalCluster } from '../balance/balancer.ts';
import type { DnsResolverConfig } from '../config/dns-resolver.ts';
import type { UpstreamTlsConfig } from '../config/tls-types.ts';
import type { Cluster } from './cluster.ts';
import type { Connector } from './connector.ts';
import type { DnsCaches } from './dns-caches.ts';
import type { HealthOwner, HealthWatch } from './health-watch.ts';
import type { Judgement, Party } from './judgement.ts';
import type { LineWriter } from './outlier-log.ts';
import type { Resolve } from './resolver.ts';
import type { ClusterStats } from './stats.ts';

export type ClusterServices = {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly log: Log;
  readonly random: () => number;
  /** One connector per TLS configuration; it follows the secrets it names. `below` makes the sockets; null: plain ones. */
  tlsConnector(config: UpstreamTlsConfig, stats: ClusterStats, below: Connector | null): Connector;
  /** Active health checks of a cluster; it is told of every endpoint that comes and goes. */
  watchHealth(owner: HealthOwner): HealthWatch;
  /** How threads that send requests to the same endpoints judge them together; null: there is one. */
  readonly judgement: ((party: Party) => Judgement) | null;
  /** Where ejections of endpoints are told; null: nowhere. */
  readonly outlierLog: LineWriter | null;
  /** What other threads use of what goes by this name; null where there are none. */
  tally(name: string): Tally | null;
  /** Another cluster, for those that are made of others. */
  readonly cluster: (name: string) => Cluster | undefined;
  /** null: as the whole proxy asks. */
  resolve(config: DnsResolverConfig | null): Resolve;
  /** Names that several clusters may share. */
  readonly dnsCaches: DnsCaches;
  /** The cluster this proxy belongs to, for zone-aware routing; null when the bootstrap names none. */
  readonly local: () => LocalCluster | null;
};
