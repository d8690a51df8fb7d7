// The DNS caches of the proxy: clusters with a cache of the same name share it, and it goes with the last of them.
import type { DnsCacheConfig } from '../config/dns-cache.ts';
import { DnsCache, type DnsCacheContext } from './dns-cache.ts';

export class DnsCaches {
  readonly #context: DnsCacheContext;
  readonly #caches = new Map<string, DnsCache>();

  constructor(context: DnsCacheContext) {
    this.#context = context;
  }

  /** The newest configuration of that name holds. */
  get(config: DnsCacheConfig): DnsCache {
    for (const [name, cache] of this.#caches) if (name !== config.name && !cache.used) this.#forget(name, cache);
    const known = this.#caches.get(config.name);
    if (known !== undefined) {
      known.config = config;
      return known;
    }
    const cache = new DnsCache(config, this.#context);
    this.#caches.set(config.name, cache);
    return cache;
  }

  *stats(): IterableIterator<readonly [scope: string, stats: object]> {
    for (const [name, { stats }] of this.#caches) yield [`dns_cache.${name}`, stats];
  }

  close(): void {
    for (const [name, cache] of this.#caches) this.#forget(name, cache);
  }

  #forget(name: string, cache: DnsCache): void {
    cache.stop();
    this.#caches.delete(name);
  }
}
