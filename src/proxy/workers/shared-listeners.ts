// Listeners that every worker has: the first worker binds what the others then share, and a listener is in use in all of them or in none.
import type { ListenerConfig } from '../config/types.ts';
import type { Crew } from './crew.ts';
import type { DrainPart } from './engine.ts';

type Open = { readonly config: ListenerConfig; readonly ports: readonly number[] };

export class SharedListeners {
  readonly #crew: Crew;
  readonly #open = new Map<string, Open>();
  /** One change at a time: half a listener must not be replaced. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(crew: Crew) {
    this.#crew = crew;
  }

  entries(): { readonly config: ListenerConfig; readonly port: number }[] {
    return [...this.#open.values()].map(({ config, ports }) => ({ config, port: ports[0] ?? config.port }));
  }

  /** Rejects when it cannot be bound, or a worker refuses it. */
  set(config: ListenerConfig, bytes: Uint8Array): Promise<void> {
    return this.#inTurn(async () => {
      const taken = [...this.#open.values()].find((open) => clashes(open.config, config));
      if (taken !== undefined)
        throw new Error(`listener ${config.name}: listener ${taken.config.name} has the same address`);
      const before = this.#open.get(config.name);
      const known = before !== undefined && before.config.port === config.port ? before.ports : [];
      const change = { kind: 'listener', name: config.name, bytes, ports: known } as const;
      const { worker, outcome } = await this.#crew.first(change);
      if (outcome.kind === 'refused') throw new Error(outcome.reason);
      const ports = outcome.kind === 'done' ? outcome.ports : known;
      await this.#crew.all({ ...change, ports }, worker);
      this.#open.set(config.name, { config, ports });
    });
  }

  remove(name: string): void {
    void this.#inTurn(async () => {
      this.#open.delete(name);
      this.#crew.drop({ kind: 'listener gone', name });
    });
  }

  /** For workers that drain: resolves when none of these listeners can come back. */
  forget(part: DrainPart): Promise<void> {
    return this.#inTurn(async () => {
      for (const [name, { config }] of [...this.#open]) {
        if (part === 'inbound' && config.direction !== 'inbound') continue;
        this.#open.delete(name);
        this.#crew.forget({ kind: 'listener gone', name });
      }
    });
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

/** Sockets that share a port do not find out by themselves that two listeners want it. */
function clashes(a: ListenerConfig, b: ListenerConfig): boolean {
  if (a.name === b.name || !a.bound || !b.bound) return false;
  const placesOf = ({ address, port, additionalAddresses }: ListenerConfig) => [
    { address, port },
    ...additionalAddresses,
  ];
  return placesOf(a).some(
    (one) => one.port !== 0 && placesOf(b).some(({ address, port }) => port === one.port && address === one.address),
  );
}
