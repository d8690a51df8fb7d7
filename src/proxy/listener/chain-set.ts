// The filter chains of a listener: an update keeps those that are asked for as they are, and lets the connections of the others end.
import type { Timer } from '../../lib/timer-wheel.ts';
import type { FilterChainConfig, ListenerConfig } from '../config/types.ts';
import type { TlsCounts } from '../http/tls-counts.ts';
import type { SharedTicketKeys } from '../tls/server-tls.ts';
import { type ChainChoice, chooseByMatcher, matchChain } from './chain-match.ts';
import type { ConnectionLog } from './connection-log.ts';
import { FilterChain } from './filter-chain.ts';
import type { ListenerServices } from './services.ts';
import type { ConnectionTraits } from './traits.ts';

export type ChainSetOwner = {
  onBug(error: unknown): void;
  readonly ssl: TlsCounts;
  /** See `ChainOwner.log`. */
  log(): ConnectionLog | null;
};

export class ChainSet {
  readonly #services: ListenerServices;
  readonly #owner: ChainSetOwner;
  #chains: readonly FilterChain[] = [];
  #fallback: FilterChain | null = null;
  #choice: ChainChoice<FilterChain> = () => null;
  /** They have connections still, until the timer. */
  readonly #leaving = new Map<FilterChain, Timer>();

  constructor(config: ListenerConfig, services: ListenerServices, owner: ChainSetOwner) {
    this.#services = services;
    this.#owner = owner;
    this.#set(config, []);
  }

  /** null: the connection has none. */
  choose(traits: ConnectionTraits): FilterChain | null {
    return this.#choice(traits);
  }

  get activeConnections(): number {
    let count = 0;
    for (const chain of [...this.#current(), ...this.#leaving.keys()]) count += chain.connections.size;
    return count;
  }

  /** See `Terminal.ready`. */
  async ready(): Promise<void> {
    await Promise.all(this.#current().map((chain) => chain.ready));
  }

  update(config: ListenerConfig): void {
    const before = this.#current();
    this.#set(config, before);
    const kept = new Set(this.#current());
    for (const chain of before) if (!kept.has(chain)) this.#leave(chain);
  }

  /** Every connection goes after its answer, or when the drain time is over. */
  drain(): void {
    for (const chain of this.#current()) this.#leave(chain);
  }

  destroy(): void {
    for (const chain of [...this.#current(), ...this.#leaving.keys()]) chain.destroy();
  }

  #current(): FilterChain[] {
    return this.#fallback === null ? [...this.#chains] : [...this.#chains, this.#fallback];
  }

  #set(config: ListenerConfig, before: readonly FilterChain[]): void {
    const make = (chain: FilterChainConfig): FilterChain =>
      before.find((old) => serves(old, chain, config)) ?? this.#make(chain, config);
    this.#chains = config.chains.map(make);
    this.#fallback = config.defaultChain === null ? null : make(config.defaultChain);
    this.#choice = choiceOf(config, this.#chains, this.#fallback);
  }

  #make(chain: FilterChainConfig, config: ListenerConfig): FilterChain {
    const { sharing } = this.#services;
    // A session is of this chain: another may ask more of its clients.
    const keys: SharedTicketKeys | null =
      sharing && ((of) => sharing.ticketKeys(`${config.name}\n${chain.fingerprint}\n${of}`));
    const tls = chain.tls === null ? null : this.#services.serverTls(chain.tls, keys, this.#owner.ssl);
    return new FilterChain(chain, config, tls, this.#services, {
      onGone: (left) => {
        if (left.connections.size === 0) this.#left(left);
      },
      onBug: (error) => this.#owner.onBug(error),
      tally: (name) => sharing?.tally(name) ?? null,
      log: () => this.#owner.log(),
    });
  }

  #leave(chain: FilterChain): void {
    if (this.#leaving.has(chain)) return;
    chain.drain();
    if (chain.connections.size === 0) return;
    const { wheel, drainTime } = this.#services;
    this.#leaving.set(
      chain,
      wheel.set(drainTime, () => chain.destroy()),
    );
  }

  #left(chain: FilterChain): void {
    const timer = this.#leaving.get(chain);
    if (timer === undefined) return;
    this.#services.wheel.cancel(timer);
    this.#leaving.delete(chain);
  }
}

function choiceOf(
  { chainMatcher }: ListenerConfig,
  chains: readonly FilterChain[],
  fallback: FilterChain | null,
): ChainChoice<FilterChain> {
  if (chainMatcher !== null) return chooseByMatcher(chainMatcher, chains, fallback);
  return (traits) => matchChain(chains, fallback, traits);
}

/** Whether a chain that runs is what the new configuration asks for. */
function serves({ config, listener }: FilterChain, wanted: FilterChainConfig, next: ListenerConfig): boolean {
  const same = config === wanted || (wanted.fingerprint !== '' && config.fingerprint === wanted.fingerprint);
  return same && listener.direction === next.direction && listener.bufferLimit === next.bufferLimit;
}
