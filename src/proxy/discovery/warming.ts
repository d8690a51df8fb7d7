// Things that are accepted but not in use yet, because something they refer to has not arrived.
//
//   add ──ready──► activate ──► done            superseded by a newer one of the name: done
//    └─not ready─► wait ──check or timeout──► activate
import type { Clock } from '../../lib/clock.ts';
import type { Applied } from './config-target.ts';

export type WarmingOptions<Item> = {
  /** For each thing that has not arrived the milliseconds after which it is not waited for (Envoy's initial_fetch_timeout), 0 for ever. */
  readonly waitsFor: (item: Item) => readonly number[];
  /** Puts it to use. What it rejects with, `add` rejects with. */
  readonly activate: (item: Item) => Applied;
  readonly clock: Clock;
};

export class Warming<Item> {
  readonly #options: WarmingOptions<Item>;
  readonly #waiting = new Map<string, Entry<Item>>();

  constructor(options: WarmingOptions<Item>) {
    this.#options = options;
  }

  /** Resolves when the item is in use, or has been superseded or removed. */
  add(name: string, item: Item): Promise<void> {
    const { clock, waitsFor } = this.#options;
    this.remove(name);
    return new Promise((resolve, reject) => {
      const entry: Entry<Item> = { item, resolve, reject, elapsed: 0, cancelTimers: [] };
      this.#waiting.set(name, entry);
      for (const timeout of new Set(waitsFor(item))) {
        if (timeout === 0) continue;
        const elapse = () => {
          entry.elapsed = Math.max(entry.elapsed, timeout);
          this.check();
        };
        entry.cancelTimers.push(clock.after(timeout, elapse));
      }
      this.check();
    });
  }

  remove(name: string): void {
    this.#take(name)?.resolve();
  }

  /** Something arrived: whoever waited for nothing else is used now. */
  check(): void {
    for (const [name, entry] of this.#waiting) if (this.#isReady(entry)) this.#activate(name);
  }

  has(name: string): boolean {
    return this.#waiting.has(name);
  }

  items(): readonly Item[] {
    return [...this.#waiting.values()].map(({ item }) => item);
  }

  #isReady({ item, elapsed }: Entry<Item>): boolean {
    return this.#options.waitsFor(item).every((timeout) => timeout !== 0 && timeout <= elapsed);
  }

  #activate(name: string): void {
    const entry = this.#take(name);
    if (entry === undefined) return;
    try {
      Promise.resolve(this.#options.activate(entry.item)).then(entry.resolve, entry.reject);
    } catch (error) {
      entry.reject(error);
    }
  }

  #take(name: string): Entry<Item> | undefined {
    const entry = this.#waiting.get(name);
    this.#waiting.delete(name);
    for (const cancel of entry?.cancelTimers ?? []) cancel();
    return entry;
  }
}

type Entry<Item> = {
  readonly item: Item;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** The longest of its timeouts that is over. */
  elapsed: number;
  readonly cancelTimers: (() => void)[];
};
