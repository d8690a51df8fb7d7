// Listeners and the route tables they name: a listener starts once its routes and secrets have come; until then its
// predecessor serves.
import type { Clock } from '../../lib/clock.ts';
import type { FilterChainConfig, ListenerConfig, SecretRef } from '../config/types.ts';
import type { RouteTable } from '../route/table.ts';
import type { Applied, Runtime } from './runtime.ts';
import type { SecretStore } from './secret-store.ts';
import { Warming } from './warming.ts';

export type ListenerSetOptions = {
  readonly runtime: Runtime;
  readonly secrets: SecretStore;
  readonly clock: Clock;
  readonly timeout: number;
  /** The names of route tables that are needed have changed. */
  readonly onRouteNames: (names: ReadonlySet<string>) => void;
};

export class ListenerSet {
  readonly #options: ListenerSetOptions;
  readonly #active = new Map<string, ListenerConfig>();
  readonly #routes = new Set<string>();
  readonly #warming: Warming<ListenerConfig>;

  constructor(options: ListenerSetOptions) {
    this.#options = options;
    this.#warming = new Warming({
      isReady: (config) => this.#isReady(config),
      activate: (config) => this.#activate(config),
      clock: options.clock,
      timeout: options.timeout,
    });
  }

  /** Resolves when it serves. Rejects when it cannot be bound, or a secret's source does not exist. */
  async set(config: ListenerConfig): Promise<void> {
    this.#options.secrets.use(`listener ${config.name}`, secretsOf(config));
    const serving = this.#warming.add(config.name, config);
    this.#announceNames();
    await serving;
  }

  remove(name: string): void {
    this.#warming.remove(name);
    if (this.#active.delete(name)) this.#options.runtime.removeListener(name);
    this.#options.secrets.use(`listener ${name}`, []);
    this.#announceNames();
  }

  setRoutes(table: RouteTable): Applied {
    this.#routes.add(table.name);
    const applied = this.#options.runtime.setRoutes(table);
    this.#warming.check();
    return applied;
  }

  /** A secret arrived. */
  check(): void {
    this.#warming.check();
  }

  #isReady(config: ListenerConfig): boolean {
    const { secrets } = this.#options;
    return (
      routesOf(config).every((name) => this.#routes.has(name)) && secretsOf(config).every((ref) => secrets.has(ref))
    );
  }

  async #activate(config: ListenerConfig): Promise<void> {
    // In use from now on: its routes must not be let go of while the socket is being bound.
    const before = this.#active.get(config.name);
    this.#active.set(config.name, config);
    try {
      await this.#options.runtime.setListener(config);
    } catch (error) {
      if (this.#active.get(config.name) === config) {
        if (before === undefined) this.#active.delete(config.name);
        else this.#active.set(config.name, before);
      }
      throw error;
    } finally {
      this.#announceNames();
    }
  }

  #announceNames(): void {
    const names = new Set([...this.#active.values(), ...this.#warming.items()].flatMap(routesOf));
    for (const known of this.#routes) {
      if (names.has(known)) continue;
      this.#routes.delete(known);
      this.#options.runtime.removeRoutes(known);
    }
    this.#options.onRouteNames(names);
  }
}

function chainsOf({ chains, defaultChain }: ListenerConfig): readonly FilterChainConfig[] {
  return defaultChain === null ? chains : [...chains, defaultChain];
}

function routesOf(config: ListenerConfig): readonly string[] {
  return chainsOf(config).flatMap(({ network }) =>
    network.kind === 'http' && network.http.routes.kind === 'rds' ? [network.http.routes.name] : [],
  );
}

function secretsOf(config: ListenerConfig): readonly SecretRef[] {
  return chainsOf(config).flatMap(({ tls }) =>
    [...(tls?.certificates ?? []), tls?.validation?.trust].filter((ref) => ref != null),
  );
}
