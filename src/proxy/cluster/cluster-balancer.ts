// Which balancer a cluster chooses endpoints with: that of its policy, or one that finds endpoints itself.
import type { Balancer } from '../balance/balancer.ts';
import { SubsetBalancer } from '../balance/subset-balancer.ts';
import type { EndpointConfig, PolicyConfig } from '../config/cluster-types.ts';
import type { ClusterConfig } from '../config/types.ts';
import { Aggregate } from './aggregate.ts';
import type { ClusterServices } from './cluster-services.ts';
import { ANY_ENDPOINT } from './defaults.ts';
import { DynamicHosts } from './dynamic-hosts.ts';
import type { Host } from './host.ts';
import { OriginalDestinations } from './original-destinations.ts';
import type { ClusterStats } from './stats.ts';

export type ClusterBalancerContext = {
  readonly stats: ClusterStats;
  readonly make: (endpoint: EndpointConfig) => Host;
  readonly retire: (host: Host) => void;
  /** The endpoints of before go: the balancer finds its own. */
  readonly forget: () => void;
  /** The endpoints there are have changed. */
  readonly onHosts: (hosts: readonly Host[]) => void;
  readonly byPolicy: () => Balancer;
};

export function createClusterBalancer(
  { discovery, panicThreshold, tls }: ClusterConfig,
  { random, cluster, wheel, dnsCaches }: ClusterServices,
  context: ClusterBalancerContext,
): Balancer {
  switch (discovery.kind) {
    case 'original-dst':
      context.forget();
      return new OriginalDestinations(discovery, {
        ...context,
        wheel,
        make: (address) => context.make({ ...ANY_ENDPOINT, ...address }),
      });
    case 'dynamic': {
      const cache = dnsCaches.get(discovery.cache);
      context.forget();
      return new DynamicHosts(cache, { ...context, defaultPort: tls.at(-1)?.tls ? 443 : 80 });
    }
    case 'aggregate':
      return new Aggregate(discovery.clusters, { random, cluster, panicThreshold });
    default:
      return context.byPolicy();
  }
}

/** Another one takes its place. */
export function retireBalancer(balancer: Balancer): void {
  if (balancer instanceof SubsetBalancer) balancer.retire();
  stopBalancer(balancer);
}

/** Its cluster goes. */
export function stopBalancer(balancer: Balancer): void {
  if (balancer instanceof OriginalDestinations || balancer instanceof DynamicHosts) balancer.stop();
}

/** By its policy, or that of a cluster it is made of. */
export function choosesByHash({ discovery, balancing }: ClusterConfig, { cluster }: ClusterServices): boolean {
  if (discovery.kind !== 'aggregate') return isByHash(balancing);
  return discovery.clusters.some((name) => {
    const member = cluster(name);
    return member !== undefined && isByHash(member.config.balancing);
  });
}

function isByHash({ kind }: PolicyConfig): boolean {
  return kind === 'ring-hash' || kind === 'maglev';
}
