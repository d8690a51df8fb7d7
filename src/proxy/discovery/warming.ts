// Things that are accepted but not in use yet, because something they refer to has not arrived.
//
//   add ──ready──► activate ──► done            superseded by a newer one of the name: done
//    └─not ready─► wait ──check or timeout──► activate
import type { Clock } from '../../lib/clock.ts';
import type { Applied } from './runtime.ts';

export type WarmingOptions<Item> = {
  readonly isReady: (item: Item) => boolean;
  /** Puts it to use. What it rejects with, `add` rejects with. */
  readonly activate: (item: Item) => Applied;
  readonly clock: Clock;
  /** Milliseconds after which it is used as it is; Envoy's initial_fetch_timeout is 15 s. */
  readonly timeout: number;
};

export class Warming<Item> {
  readonly #options: WarmingOptions<Item>;
  readonly #waiting = new Map<string, Entry<Item>>();

  constructor(options: WarmingOptions<Item>) {
    this.#options = options;
  }

  /** Resolves when the item is in use, or has been superseded or removed. */
  add(name: string, item: Item): Promise<void> {
    this.remove(name);
    return new Promise((resolve, reject) => {
      const cancelTimer = this.#options.clock.after(this.#options.timeout, () => this.#activate(name));
      this.#waiting.set(name, { item, resolve, reject, cancelTimer });
      this.check();
    });
  }

  remove(name: string): void {
    const entry = this.#waiting.get(name);
    if (entry === undefined) return;
    this.#waiting.delete(name);
    entry.cancelTimer();
    entry.resolve();
  }

  /** Something arrived: whoever waited for nothing else is used now. */
  check(): void {
    for (const [name, { item }] of this.#waiting) if (this.#options.isReady(item)) this.#activate(name);
  }

  items(): readonly Item[] {
    return [...this.#waiting.values()].map(({ item }) => item);
  }

  has(name: string): boolean {
    return this.#waiting.has(name);
  }

  #activate(name: string): void {
    const entry = this.#waiting.get(name);
    if (entry === undefined) return;
    this.#waiting.delete(name);
    entry.cancelTimer();
    try {
      Promise.resolve(this.#options.activate(entry.item)).then(entry.resolve, entry.reject);
    } catch (error) {
      entry.reject(error);
    }
  }
}

type Entry<Item> = {
  readonly item: Item;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  readonly cancelTimer: () => void;
};
