// Retries that keep away from the priorities that were tried already (`envoy.retry_priorities.previous_priorities`): these get no load, and the
// others share what they can take. When none is left, all are back.
import type { Endpoint, Priorities, PriorityLoads } from './balancer.ts';
import { loadsByHealth, totalOf } from './levels.ts';

export class PreviousPriorities {
  /** Tries between two looks at what was tried. */
  readonly #frequency: number;
  #tried: Endpoint[] = [];
  readonly #excluded = new Set<number>();
  /** As last shared; null: as they are. */
  #loads: PriorityLoads | null = null;

  constructor(frequency: number) {
    this.#frequency = frequency;
  }

  note(endpoint: Endpoint): void {
    this.#tried.push(endpoint);
  }

  /** A `Reshare`. */
  readonly reshare = (priorities: Priorities): PriorityLoads => {
    if (this.#tried.length < this.#frequency) return priorities.loads;
    if (this.#tried.length % this.#frequency === 0) {
      for (const endpoint of this.#tried) this.#excluded.add(priorities.priorityOf(endpoint));
      this.#loads = this.#share(priorities.available);
    }
    return this.#loads ?? priorities.loads;
  };

  #share(available: PriorityLoads): PriorityLoads | null {
    let left = this.#without(available);
    if (totalOf(left) === 0) {
      this.#excluded.clear();
      this.#tried = [];
      left = available;
    }
    return totalOf(left) === 0 ? null : loadsByHealth(left);
  }

  #without({ healthy, degraded }: PriorityLoads): PriorityLoads {
    const keep = (percents: readonly number[]) => percents.map((one, i) => (this.#excluded.has(i) ? 0 : one));
    return { healthy: keep(healthy), degraded: keep(degraded) };
  }
}
