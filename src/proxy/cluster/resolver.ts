// Endpoints of STRICT_DNS and LOGICAL_DNS clusters: asks again and again, as often as the answers or the configuration say, and keeps
// the last answer while none comes.
import type { Log } from '../../lib/log.ts';
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import type { EndpointConfig } from '../config/cluster-types.ts';
import type { ClusterConfig } from '../config/types.ts';
import { isAbsence } from './dns-answers.ts';
import type { ClusterStats } from './stats.ts';

export type DnsDiscovery = Extract<ClusterConfig['discovery'], { kind: 'strict-dns' | 'logical-dns' }>;

/** `ttl` is seconds; null where the answer did not come from DNS (a hosts file). */
export type DnsAnswer = { readonly addresses: readonly string[]; readonly ttl: number | null };

/** Rejects when the name does not resolve; no addresses when it has none of the family. */
export type Resolve = (name: string, family: DnsDiscovery['family'], wantsTtl: boolean) => Promise<DnsAnswer>;

export type ResolverContext = {
  readonly cluster: string;
  readonly wheel: TimerWheel;
  readonly log: Log;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly stats: ClusterStats;
  readonly resolve: Resolve;
  /** All endpoints, as far as they resolve. */
  readonly apply: (endpoints: readonly EndpointConfig[]) => void;
};

/** A name that is known to have no address is answered, too (Envoy says so). */
const NOBODY: DnsAnswer = { addresses: [], ttl: null };

/** Every name is asked for on its own time. */
export class Resolver {
  readonly #names: readonly NameResolver[];

  constructor(discovery: DnsDiscovery, context: ResolverContext) {
    const apply = () => {
      const lists = this.#names.map(({ endpoints }) => endpoints);
      // Before every name was asked for once, the cluster would be half of itself.
      if (lists.every((list) => list !== null)) context.apply(lists.flat());
    };
    this.#names = discovery.assignment.endpoints.map(
      (endpoint) => new NameResolver(endpoint, discovery, context, apply),
    );
  }

  start(): void {
    for (const name of this.#names) name.start();
  }

  stop(): void {
    for (const name of this.#names) name.stop();
  }
}

class NameResolver {
  /** null until the first answer, or the first failure. */
  endpoints: readonly EndpointConfig[] | null = null;
  readonly #endpoint: EndpointConfig;
  readonly #discovery: DnsDiscovery;
  readonly #context: ResolverContext;
  readonly #changed: () => void;
  #timer: Timer | null = null;
  #failures = 0;
  #stopped = false;

  constructor(endpoint: EndpointConfig, discovery: DnsDiscovery, context: ResolverContext, changed: () => void) {
    this.#endpoint = endpoint;
    this.#discovery = discovery;
    this.#context = context;
    this.#changed = changed;
  }

  start(): void {
    const { stats, resolve } = this.#context;
    stats.update_attempt += 1;
    const { family, respectTtl } = this.#discovery;
    resolve(this.#endpoint.address, family, respectTtl).then(
      (answer) => this.#answered(answer),
      (error: unknown) => (isAbsence(error) ? this.#answered(NOBODY) : this.#failed(error)),
    );
  }

  stop(): void {
    this.#stopped = true;
    this.#context.wheel.cancel(this.#timer);
  }

  #answered({ addresses, ttl }: DnsAnswer): void {
    if (this.#stopped) return;
    const { kind, refresh, minimumRefresh, respectTtl, jitter } = this.#discovery;
    this.#failures = 0;
    this.#context.stats.update_success += 1;
    const wanted = kind === 'logical-dns' ? addresses.slice(0, 1) : addresses;
    this.#use(wanted.map((address) => this.#at(address, addresses)));
    const delay = respectTtl && ttl !== null && ttl > 0 ? Math.max(ttl * 1000, minimumRefresh) : refresh;
    this.#again(delay + this.#context.random() * jitter);
  }

  /** A LOGICAL_DNS endpoint is all of its addresses: the others are tried when the first does not connect. */
  #at(address: string, all: readonly string[]): EndpointConfig {
    const { port, hostname, address: name } = this.#endpoint;
    const others = this.#discovery.kind === 'logical-dns' ? all.filter((other) => other !== address) : [];
    return {
      ...this.#endpoint,
      address,
      hostname: hostname || name,
      moreAddresses: others.map((other) => ({ address: other, port })),
    };
  }

  #failed(error: unknown): void {
    if (this.#stopped) return;
    const { log, cluster, stats, random } = this.#context;
    stats.update_failure += 1;
    log.warn({ err: error, cluster, name: this.#endpoint.address }, 'name of an endpoint does not resolve');
    if (this.endpoints === null) this.#use([]);
    const { failureRefresh, refresh } = this.#discovery;
    this.#failures += 1;
    if (failureRefresh === null) this.#again(refresh);
    else {
      const ceiling = Math.min(failureRefresh.base * 2 ** (this.#failures - 1), failureRefresh.max);
      this.#again(Math.max(1, random() * ceiling));
    }
  }

  #use(endpoints: readonly EndpointConfig[]): void {
    const before = this.endpoints;
    this.endpoints = endpoints;
    if (before === null || !sameAddresses(before, endpoints)) this.#changed();
    else this.#context.stats.update_no_rebuild += 1;
  }

  #again(delay: number): void {
    this.#timer = this.#context.wheel.set(delay, () => this.start());
  }
}

/** In whatever order: DNS turns its answers round. */
function sameAddresses(a: readonly EndpointConfig[], b: readonly EndpointConfig[]): boolean {
  const addressesOf = (list: readonly EndpointConfig[]) =>
    list.flatMap(({ address, moreAddresses }) => [address, ...moreAddresses.map((more) => more.address)]);
  const [before, after] = [new Set(addressesOf(a)), addressesOf(b)];
  return a.length === b.length && before.size === after.length && after.every((address) => before.has(address));
}
