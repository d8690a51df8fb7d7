// Endpoints of a dynamic forward proxy: whatever names requests are for, as far as the DNS cache knows them. The HTTP filter of that name asks
// for them, so that they are known when a request gets here.
import type { Balancer, PickContext } from '../balance/balancer.ts';
import type { EndpointConfig } from '../config/cluster-types.ts';
import { ANY_ENDPOINT } from './defaults.ts';
import type { CachedName, DnsCache, DnsCacheListener, Lookup } from './dns-cache.ts';
import type { Host } from './host.ts';

export type DynamicHostsContext = {
  readonly make: (endpoint: EndpointConfig) => Host;
  readonly retire: (host: Host) => void;
  /** The endpoints there are have changed. */
  readonly onHosts: (hosts: readonly Host[]) => void;
  /** Where a request names no port. */
  readonly defaultPort: number;
};

export class DynamicHosts implements Balancer, DnsCacheListener {
  readonly #cache: DnsCache;
  readonly #context: DynamicHostsContext;
  readonly #hosts = new Map<string, Host>();

  constructor(cache: DnsCache, context: DynamicHostsContext) {
    this.#cache = cache;
    this.#context = context;
    cache.listen(this);
  }

  /** Of the authority of a request, asking DNS where it must. */
  look(authority: string): Lookup {
    const { host, port } = this.#place(authority);
    return this.#cache.look(host, port);
  }

  pick({ authority }: PickContext): Host | null {
    if (authority === '') return null;
    const { host, port } = this.#place(authority);
    const name = this.#cache.find(host, port);
    return name === null ? null : (this.#hosts.get(name.key) ?? null);
  }

  invalidate(): void {
    // Health makes no difference: there is no other endpoint.
  }

  stop(): void {
    this.#cache.unlisten(this);
  }

  onAddresses({ key, host, port, addresses }: CachedName): void {
    const before = this.#hosts.get(key);
    if (before !== undefined) this.#context.retire(before);
    const [address, ...others] = addresses;
    const moreAddresses = others.map((other) => ({ address: other, port }));
    const endpoint = { ...ANY_ENDPOINT, address: address!, port, moreAddresses, hostname: host };
    this.#hosts.set(key, this.#context.make(endpoint));
    this.#context.onHosts([...this.#hosts.values()]);
  }

  onGone({ key }: CachedName): void {
    const host = this.#hosts.get(key);
    if (host === undefined) return;
    this.#hosts.delete(key);
    this.#context.retire(host);
    this.#context.onHosts([...this.#hosts.values()]);
  }

  /** What is no authority is asked for as it is: nobody has that name. */
  #place(authority: string): { readonly host: string; readonly port: number } {
    const { defaultPort } = this.#context;
    const [, six, name = authority, digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(authority) ?? [];
    const port = digits === undefined ? defaultPort : Number(digits);
    return port > 65_535 ? { host: authority, port: defaultPort } : { host: six ?? name, port };
  }
}
