// Earliest deadline first: weighted picking in O(log n) with even spacing. A binary heap of deadlines; picking moves
// the endpoint 1/weight into the future, so one of weight 3 comes up three times as often as one of weight 1.
import type { Endpoint } from './balancer.ts';

type Entry = { readonly endpoint: Endpoint; readonly order: number; deadline: number };

export class EarliestDeadline {
  readonly #heap: Entry[] = [];
  readonly #weightOf: (endpoint: Endpoint) => number;

  /** `random` spreads the first deadlines, so that many proxies started at once do not all begin with the same endpoint. */
  constructor(endpoints: readonly Endpoint[], weightOf: (endpoint: Endpoint) => number, random: () => number) {
    this.#weightOf = weightOf;
    const entries = endpoints.map((endpoint, order) => ({ endpoint, order, deadline: random() / weightOf(endpoint) }));
    this.#heap = entries.sort((a, b) => (before(a, b) ? -1 : 1));
  }

  pick(): Endpoint {
    const first = this.#heap[0]!;
    first.deadline += 1 / this.#weightOf(first.endpoint);
    this.#sink(first);
    return first.endpoint;
  }

  #sink(entry: Entry): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (before(entry, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = entry;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.deadline < b.deadline || (a.deadline === b.deadline && a.order < b.order);
}
