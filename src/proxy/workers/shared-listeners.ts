// Listeners that every worker has: the first worker binds what the others then share, or this thread binds one socket for all; and a listener
// is in use in all of them or in none.
import type { ListenerConfig } from '../config/types.ts';
import { bindPlace, isOneSocket, optionsFor, placesOf } from '../listener/bind.ts';
import { listenError } from '../listener/listen-error.ts';
import type { Place } from '../listener/traits.ts';
import { releaseSocket } from '../system/sockets.ts';
import type { Crew } from './crew.ts';
import type { DrainPart } from './engine.ts';

/** Of one address; no socket where each worker has its own. */
type Bound = { readonly key: string; readonly place: Place; readonly socket: number | null };

type Open = { readonly config: ListenerConfig; readonly ports: readonly number[]; readonly bound: readonly Bound[] };

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
      const keepsPorts = before !== undefined && before.config.port === config.port;
      const bound = bind(config, before);
      const sockets = bound.map(({ socket }) => socket);
      try {
        const change = { kind: 'listener', name: config.name, bytes, sockets } as const;
        const known = keepsPorts ? before.ports : [];
        const { worker, outcome } = await this.#crew.first({ ...change, ports: known });
        if (outcome.kind === 'refused') throw new Error(outcome.reason);
        const ports = outcome.kind === 'done' ? outcome.ports : known;
        await this.#crew.all({ ...change, ports }, worker);
        this.#open.set(config.name, { config, ports, bound });
        close(before?.bound ?? [], bound);
      } catch (error) {
        close(bound, before?.bound);
        throw error;
      }
    });
  }

  remove(name: string): void {
    void this.#inTurn(async () => {
      const open = this.#open.get(name);
      this.#open.delete(name);
      this.#crew.drop({ kind: 'listener gone', name });
      // A worker that has heard of what comes after has its own descriptors of what came before.
      await this.#crew.ask({ kind: 'ping' });
      close(open?.bound ?? []);
    });
  }

  /** For workers that drain: resolves when none of these listeners can come back. */
  forget(part: DrainPart): Promise<void> {
    return this.#inTurn(async () => {
      for (const [name, { config, bound }] of [...this.#open]) {
        if (part === 'inbound' && config.direction !== 'inbound') continue;
        this.#open.delete(name);
        this.#crew.forget({ kind: 'listener gone', name });
        close(bound);
      }
    });
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

/** Sockets that are bound as they should be stay. @throws where an address cannot be had; then no new one is left open. */
function bind(config: ListenerConfig, before: Open | undefined): readonly Bound[] {
  const all: Bound[] = [];
  try {
    for (const place of placesOf(config)) all.push(bindOne(config, place, before));
  } catch (error) {
    close(all, before?.bound);
    throw error;
  }
  return all;
}

function bindOne(config: ListenerConfig, place: Place, before: Open | undefined): Bound {
  if (!config.bound || !isOneSocket(config, place)) return { key: '', place, socket: null };
  const options = optionsFor(config, place, 'before-bind', 'bound');
  const key = JSON.stringify([place.address, place.port, config.dualStack, options]);
  const kept = before?.bound.find((one) => one.key === key);
  if (kept !== undefined) return kept;
  try {
    return { key, place, socket: bindPlace(config, place, false) };
  } catch (error) {
    throw listenError(config.name, place, error as NodeJS.ErrnoException);
  }
}

/** Workers have descriptors of their own. */
function close(bound: readonly Bound[], but: readonly Bound[] = []): void {
  for (const one of bound) if (one.socket !== null && !but.includes(one)) releaseSocket(one.place, one.socket);
}

/** Sockets that share a port do not find out by themselves that two listeners want it. */
function clashes(a: ListenerConfig, b: ListenerConfig): boolean {
  if (a.name === b.name || !a.bound || !b.bound) return false;
  return placesOf(a).some(
    (one) => one.port !== 0 && placesOf(b).some(({ address, port }) => port === one.port && address === one.address),
  );
}
