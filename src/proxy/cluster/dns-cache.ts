// Names that requests asked for, with the addresses they resolve to. A name is asked for again as long as somebody uses it.
//
//   asked ──first answer──► known ◄──answers, failures──┐
//                             └─nobody used it for the TTL─► gone
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import type { DnsCacheConfig } from '../config/dns-cache.ts';
import type { DnsResolverConfig } from '../config/dns-resolver.ts';
import { isAbsence } from './dns-answers.ts';
import type { DnsAnswer, Resolve } from './resolver.ts';

export type DnsCacheContext = {
  readonly wheel: TimerWheel;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** null: as the whole proxy asks. */
  readonly resolve: (config: DnsResolverConfig | null) => Resolve;
};

/** Counters with Envoy's names, under `dns_cache.<name>`. */
class DnsCacheStats {
  dns_query_attempt = 0;
  dns_query_success = 0;
  dns_query_failure = 0;
  dns_query_timeout = 0;
  host_added = 0;
  host_removed = 0;
  host_address_changed = 0;
  host_overflow = 0;
  num_hosts = 0;
}

export type CachedName = {
  /** `host:port`. */
  readonly key: string;
  readonly host: string;
  readonly port: number;
  /** [] while there was no good answer. */
  readonly addresses: readonly string[];
  /** A first answer came, or none will. */
  readonly settled: boolean;
};

export type DnsCacheListener = {
  /** It has (other) addresses. */
  onAddresses(name: CachedName): void;
  onGone(name: CachedName): void;
};

/** `full`: no more names fit, or too many requests wait. */
export type Lookup = CachedName | Promise<CachedName> | 'full' | 'too many wait';

type Entry = { -readonly [Key in keyof CachedName]: CachedName[Key] } & {
  used: number;
  failures: number;
  timer: Timer | null;
  waiting: ((name: CachedName) => void)[];
};

const NOBODY: DnsAnswer = { addresses: [], ttl: null };

export class DnsCache {
  readonly stats = new DnsCacheStats();
  config: DnsCacheConfig;
  readonly #context: DnsCacheContext;
  readonly #names = new Map<string, Entry>();
  readonly #listeners = new Set<DnsCacheListener>();
  #pending = 0;

  constructor(config: DnsCacheConfig, context: DnsCacheContext) {
    this.config = config;
    this.#context = context;
    for (const { host, port } of config.known) this.#add(host, port);
  }

  /** It hears of the names there are at once. */
  listen(listener: DnsCacheListener): void {
    this.#listeners.add(listener);
    for (const name of this.#names.values()) if (name.addresses.length > 0) listener.onAddresses(name);
  }

  unlisten(listener: DnsCacheListener): void {
    this.#listeners.delete(listener);
  }

  get used(): boolean {
    return this.#listeners.size > 0;
  }

  /** As far as it is known; asks nobody. */
  find(host: string, port: number): CachedName | null {
    const entry = this.#names.get(keyOf(host, port));
    if (entry === undefined) return null;
    entry.used = this.#context.now();
    return entry;
  }

  look(host: string, port: number): Lookup {
    if (this.#pending >= this.config.maxPending) return 'too many wait';
    let entry = this.#names.get(keyOf(host, port));
    if (entry === undefined) {
      if (this.#names.size >= this.config.maxNames) {
        this.stats.host_overflow += 1;
        return 'full';
      }
      entry = this.#add(host, port);
    }
    entry.used = this.#context.now();
    return entry.settled ? entry : this.#wait(entry);
  }

  /** Nobody is asked any more: who waits goes on without an answer. */
  stop(): void {
    const names = [...this.#names.values()];
    this.#names.clear();
    for (const name of names) {
      this.#context.wheel.cancel(name.timer);
      this.#settle(name);
    }
  }

  #wait(entry: Entry): Promise<CachedName> {
    this.#pending += 1;
    return new Promise((resolve) => {
      entry.waiting.push((name) => {
        this.#pending -= 1;
        resolve(name);
      });
    });
  }

  #add(host: string, port: number): Entry {
    const key = keyOf(host, port);
    const used = this.#context.now();
    const entry: Entry = {
      key,
      host,
      port,
      addresses: [],
      settled: false,
      used,
      failures: 0,
      timer: null,
      waiting: [],
    };
    this.#names.set(key, entry);
    this.stats.host_added += 1;
    this.stats.num_hosts = this.#names.size;
    this.#ask(entry);
    return entry;
  }

  #ask(entry: Entry): void {
    const { wheel, resolve } = this.#context;
    let over = false;
    const once = (work: () => void) => {
      if (over || this.#names.get(entry.key) !== entry) return;
      over = true;
      wheel.cancel(entry.timer);
      work();
    };
    this.stats.dns_query_attempt += 1;
    if (this.config.timeout > 0) {
      entry.timer = wheel.set(this.config.timeout, () =>
        once(() => {
          this.stats.dns_query_timeout += 1;
          this.#failed(entry);
        }),
      );
    }
    resolve(this.config.resolver)(entry.host, this.config.family, true).then(
      (answer) => once(() => this.#answered(entry, answer)),
      (error: unknown) => once(() => (isAbsence(error) ? this.#answered(entry, NOBODY) : this.#failed(entry))),
    );
  }

  #answered(entry: Entry, { addresses, ttl }: DnsAnswer): void {
    this.stats.dns_query_success += 1;
    if (addresses.length === 0) {
      this.#withoutAddress(entry);
      return;
    }
    entry.failures = 0;
    const { refresh, minimumRefresh } = this.config;
    this.#askAgain(entry, ttl === null ? refresh : Math.max(ttl * 1_000, minimumRefresh));
    if (!sameAddresses(entry.addresses, addresses)) {
      this.stats.host_address_changed += 1;
      entry.addresses = addresses;
      for (const listener of this.#listeners) listener.onAddresses(entry);
    }
    this.#settle(entry);
  }

  #failed(entry: Entry): void {
    this.stats.dns_query_failure += 1;
    this.#withoutAddress(entry);
  }

  /** Addresses that were good stay in use. */
  #withoutAddress(entry: Entry): void {
    const { failureRefresh, refresh } = this.config;
    entry.failures += 1;
    const ceiling = failureRefresh && Math.min(failureRefresh.base * 2 ** (entry.failures - 1), failureRefresh.max);
    this.#askAgain(entry, ceiling === null ? refresh : Math.max(1, this.#context.random() * ceiling));
    this.#settle(entry);
  }

  #settle(entry: Entry): void {
    entry.settled = true;
    for (const tell of entry.waiting.splice(0)) tell(entry);
  }

  #askAgain(entry: Entry, delay: number): void {
    const { wheel, now } = this.#context;
    entry.timer = wheel.set(delay, () => {
      if (now() - entry.used > this.config.ttl) this.#forget(entry);
      else this.#ask(entry);
    });
  }

  #forget(entry: Entry): void {
    this.#names.delete(entry.key);
    this.stats.host_removed += 1;
    this.stats.num_hosts = this.#names.size;
    for (const listener of this.#listeners) listener.onGone(entry);
  }
}

/** In whatever order: DNS turns its answers round. */
function sameAddresses(before: readonly string[], after: readonly string[]): boolean {
  return before.length === after.length && after.every((address) => before.includes(address));
}

function keyOf(host: string, port: number): string {
  return `${host}:${port}`;
}
