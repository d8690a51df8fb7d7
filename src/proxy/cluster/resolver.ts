// Endpoints of STRICT_DNS and LOGICAL_DNS clusters: asks the system's resolver again and again, keeps the last answer on failure.
import { lookup } from 'node:dns/promises';
import type { Log } from '../../lib/log.ts';
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import type { EndpointConfig } from '../config/cluster-types.ts';
import type { ClusterConfig } from '../config/types.ts';

type DnsDiscovery = Extract<ClusterConfig['discovery'], { kind: 'strict-dns' | 'logical-dns' }>;

export class Resolver {
  readonly #cluster: string;
  readonly #discovery: DnsDiscovery;
  readonly #services: { readonly wheel: TimerWheel; readonly log: Log };
  readonly #apply: (endpoints: readonly EndpointConfig[]) => void;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(
    cluster: string,
    discovery: DnsDiscovery,
    services: { readonly wheel: TimerWheel; readonly log: Log },
    apply: (endpoints: readonly EndpointConfig[]) => void,
  ) {
    this.#cluster = cluster;
    this.#discovery = discovery;
    this.#services = services;
    this.#apply = apply;
  }

  start(): void {
    this.#resolve().catch((error: unknown) => {
      this.#services.log.warn({ err: error, cluster: this.#cluster }, 'name of an endpoint does not resolve');
    });
    this.#timer = this.#services.wheel.set(this.#discovery.refresh, () => this.start());
  }

  stop(): void {
    this.#stopped = true;
    this.#services.wheel.cancel(this.#timer);
  }

  async #resolve(): Promise<void> {
    const lists = await Promise.all(this.#discovery.assignment.endpoints.map((endpoint) => this.#lookup(endpoint)));
    if (!this.#stopped) this.#apply(lists.flat());
  }

  async #lookup(endpoint: EndpointConfig): Promise<EndpointConfig[]> {
    const all = await lookup(endpoint.address, { all: true, verbatim: false });
    const wanted = this.#discovery.kind === 'logical-dns' ? all.slice(0, 1) : all;
    return wanted.map(({ address }) => ({ ...endpoint, address }));
  }
}
