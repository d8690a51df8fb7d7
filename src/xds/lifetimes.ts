// Resources with a time to live (`Resource.ttl`): gone when it is over, unless it is renewed, with the resource or by a heartbeat. It runs also
// while there is no stream: that is what it is for.
import type { Clock } from '../lib/clock.ts';
import type { ReceivedResponse } from './client-type.ts';

export class Lifetimes {
  readonly #clock: Clock;
  readonly #expire: (name: string) => void;
  /** What stops each, by name. */
  readonly #running = new Map<string, () => void>();

  constructor(clock: Clock, expire: (name: string) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  /** A resource that comes without a time to live has none from now on. */
  renew({ resources, removed, ttls }: Pick<ReceivedResponse, 'resources' | 'removed' | 'ttls'>): void {
    for (const { name } of resources) this.#stop(name);
    for (const name of removed ?? []) this.#stop(name);
    for (const [name, ttl] of ttls) {
      this.#stop(name);
      this.#running.set(
        name,
        this.#clock.after(ttl, () => this.#end(name)),
      );
    }
  }

  close(): void {
    for (const name of [...this.#running.keys()]) this.#stop(name);
  }

  #end(name: string): void {
    this.#running.delete(name);
    this.#expire(name);
  }

  #stop(name: string): void {
    this.#running.get(name)?.();
    this.#running.delete(name);
  }
}
