// The listeners of the running proxy: a new one serves once it has its sockets, one that goes lets its connections end.
import type { ListenerConfig } from './config/types.ts';
import { placesOf } from './listener/bind.ts';
import { Listener } from './listener/listener.ts';
import type { ProcessServices } from './listener/services.ts';
import type { Place } from './listener/traits.ts';

const DRAIN_POLL = 50;

export class RunningListeners {
  readonly #services: ProcessServices;
  readonly #serving = new Map<string, Listener>();
  /** They do not accept yet. */
  readonly #starting = new Map<string, Listener>();
  readonly #draining = new Set<Listener>();

  constructor(services: Omit<ProcessServices, 'listenerAt'>) {
    this.#services = { ...services, listenerAt: (place) => this.#at(place) };
  }

  all(): readonly Listener[] {
    return [...this.#serving.values()];
  }

  /** Rejects, with the old listener of that name still running, when the new address cannot be listened on. */
  async set(config: ListenerConfig): Promise<void> {
    this.#stopStarting(config.name);
    const before = this.#serving.get(config.name);
    if (before !== undefined && sameSocket(before.config, config)) {
      before.update(config);
      return;
    }
    const listener = new Listener(config, this.#services);
    this.#starting.set(config.name, listener);
    try {
      await listener.listen();
    } finally {
      if (this.#starting.get(config.name) === listener) this.#starting.delete(config.name);
      else listener.destroy();
    }
    if (listener.gone) return;
    this.#serving.set(config.name, listener);
    if (before !== undefined) this.#retire(before);
  }

  remove(name: string): void {
    this.#stopStarting(name);
    const listener = this.#serving.get(name);
    if (listener === undefined) return;
    this.#serving.delete(name);
    this.#retire(listener);
  }

  /** Removes them, and resolves when their connections are gone or `patience` (milliseconds) is over. */
  async drain(which: (config: ListenerConfig) => boolean, patience: number): Promise<void> {
    for (const { config } of this.all()) if (which(config)) this.remove(config.name);
    const { clock, wheel } = this.#services;
    const end = clock.now() + patience;
    while (clock.now() < end && [...this.#draining].some((listener) => listener.activeConnections > 0)) {
      await new Promise<void>((resolve) => wheel.set(DRAIN_POLL, resolve));
    }
  }

  close(): void {
    for (const listener of [...this.#serving.values(), ...this.#starting.values(), ...this.#draining])
      listener.destroy();
    this.#serving.clear();
    this.#starting.clear();
    this.#draining.clear();
  }

  /** It was removed, or is wanted otherwise, before it served. */
  #stopStarting(name: string): void {
    this.#starting.get(name)?.destroy();
    this.#starting.delete(name);
  }

  #retire(listener: Listener): void {
    for (const old of this.#draining) if (old.activeConnections === 0) this.#draining.delete(old);
    this.#draining.add(listener);
    listener.drain();
  }

  /** By its address, else by a wildcard of the port. */
  #at({ address, port }: Place): Listener | undefined {
    const samePort = this.all().filter(({ config }) => config.port === port);
    const any = address.includes(':') ? '::' : '0.0.0.0';
    return (
      samePort.find(({ config }) => config.address === address) ?? samePort.find(({ config }) => config.address === any)
    );
  }
}

/** Whether an update can keep the sockets. */
function sameSocket(a: ListenerConfig, b: ListenerConfig): boolean {
  const socketOf = (config: ListenerConfig) =>
    JSON.stringify([
      config.bound,
      config.dualStack,
      config.backlog,
      config.oneSocket,
      config.socketOptions,
      placesOf(config).map(({ address, port }) => [address, port]),
    ]);
  return socketOf(a) === socketOf(b);
}
