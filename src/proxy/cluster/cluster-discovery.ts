// How a cluster learns of its endpoints where no control plane sends them: they are in its configuration, or names to be resolved.
import { isIP } from 'node:net';
import type { Assignment } from '../config/cluster-types.ts';
import type { ClusterConfig } from '../config/types.ts';
import type { ClusterServices } from './cluster-services.ts';
import type { Initialization } from './initialization.ts';
import { Resolver } from './resolver.ts';
import type { ClusterStats } from './stats.ts';

export type DiscoveryContext = {
  readonly cluster: string;
  readonly services: ClusterServices;
  readonly stats: ClusterStats;
  readonly initialization: Initialization;
  readonly apply: (assignment: Assignment) => void;
  /** Requests bring the endpoints, or another cluster does. */
  readonly applyNone: () => void;
};

export class ClusterDiscovery {
  readonly #context: DiscoveryContext;
  #resolver: Resolver | null = null;

  constructor(context: DiscoveryContext) {
    this.#context = context;
  }

  /** In place of what was started before. */
  start(discovery: ClusterConfig['discovery']): void {
    this.stop();
    const { initialization, apply, applyNone } = this.#context;
    switch (discovery.kind) {
      case 'eds':
        return;
      case 'static':
        apply(discovery.assignment);
        return;
      case 'strict-dns':
      case 'logical-dns':
        if (discovery.assignment.endpoints.every(({ address }) => isIP(address) !== 0)) apply(discovery.assignment);
        else this.#resolve(discovery);
        return;
      default:
        initialization.end();
        applyNone();
    }
  }

  stop(): void {
    this.#resolver?.stop();
    this.#resolver = null;
  }

  #resolve(discovery: Extract<ClusterConfig['discovery'], { kind: 'strict-dns' | 'logical-dns' }>): void {
    const { cluster, services, stats, initialization, apply } = this.#context;
    this.#resolver = new Resolver(discovery, {
      ...services,
      cluster,
      stats,
      resolve: services.resolve(discovery.resolver),
      apply: (endpoints) => apply({ ...discovery.assignment, endpoints }),
    });
    this.#resolver.start();
    if (!discovery.waits) initialization.end();
  }
}
