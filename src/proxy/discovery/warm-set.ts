// Clusters, or listeners, by name: each is used once the secrets and the resources of another type that it names have come; until then its
// predecessor is.
import type { Clock } from '../../lib/clock.ts';
import type { SecretRef } from '../config/tls-types.ts';
import type { Applied } from './config-target.ts';
import type { Needed } from './named-resources.ts';
import type { SecretStore } from './secret-store.ts';
import type { Subscriptions } from './subscriptions.ts';
import { Warming } from './warming.ts';

export type WarmSetOptions<Config> = {
  /** As in `cluster`. */
  readonly kind: string;
  readonly secrets: SecretStore;
  readonly requireSource: Subscriptions['requireSource'];
  readonly clock: Clock;
  secretsOf(config: Config): readonly SecretRef[];
  /** Of the other type. */
  needsOf(config: Config): readonly Needed[];
  /** Whether there is nothing to wait for: it came, or it is known that there is none. */
  hasArrived(name: string): boolean;
  activate(config: Config): Applied;
  deactivate(name: string): void;
  /** What those in use and those that wait need has changed. */
  onNeeds(needs: readonly Needed[]): void;
};

export class WarmSet<Config extends { readonly name: string }> {
  readonly #options: WarmSetOptions<Config>;
  readonly #active = new Map<string, Config>();
  /** Of the active ones, those that the target has put to use. */
  readonly #used = new Set<string>();
  readonly #warming: Warming<Config>;
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(options: WarmSetOptions<Config>) {
    this.#options = options;
    this.#warming = new Warming({
      waitsFor: (config) => this.#waitsFor(config),
      activate: (config) => this.#activate(config),
      clock: options.clock,
    });
  }

  /** Resolves when it is in use. Rejects when it cannot be, or names a source that does not exist. */
  async set(config: Config): Promise<void> {
    const { kind, secrets, secretsOf, needsOf, requireSource } = this.#options;
    for (const { source } of needsOf(config)) requireSource(source);
    secrets.use(`${kind} ${config.name}`, secretsOf(config));
    const used = this.#warming.add(config.name, config);
    this.#announce();
    await used;
  }

  remove(name: string): void {
    const { kind, secrets, deactivate } = this.#options;
    this.#warming.remove(name);
    this.#used.delete(name);
    if (this.#active.delete(name)) deactivate(name);
    secrets.use(`${kind} ${name}`, []);
    this.#announce();
  }

  /** In use, or on its way there. */
  has(name: string): boolean {
    return this.#active.has(name) || this.#warming.has(name);
  }

  /** Resolves when one of this name is in use. */
  whenUsed(name: string): Promise<void> {
    if (this.#used.has(name)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), resolve]));
  }

  /** Something arrived. */
  check(): void {
    this.#warming.check();
  }

  #waitsFor(config: Config): readonly number[] {
    const { hasArrived, needsOf, secrets, secretsOf } = this.#options;
    const resources = needsOf(config).filter(({ name }) => !hasArrived(name));
    const missing = secretsOf(config).filter((ref) => !secrets.has(ref));
    return [
      ...resources.map(({ source }) => source.fetchTimeout),
      ...missing.flatMap((ref) => (ref.kind === 'sds' ? [ref.source.fetchTimeout] : [])),
    ];
  }

  async #activate(config: Config): Promise<void> {
    const { name } = config;
    // In use from now on: what it needs must not be let go of meanwhile.
    const before = this.#active.get(name);
    this.#active.set(name, config);
    try {
      const applied = this.#options.activate(config);
      this.#announce();
      await applied;
      this.#onUsed(name);
    } catch (error) {
      if (this.#active.get(name) === config) {
        if (before === undefined) this.#active.delete(name);
        else this.#active.set(name, before);
      }
      this.#announce();
      throw error;
    }
  }

  #onUsed(name: string): void {
    if (this.#active.has(name)) this.#used.add(name);
    for (const resolve of this.#waiting.get(name) ?? []) resolve();
    this.#waiting.delete(name);
  }

  #announce(): void {
    this.#options.onNeeds([...this.#active.values(), ...this.#warming.items()].flatMap(this.#options.needsOf));
  }
}
