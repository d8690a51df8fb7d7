// Earliest deadline first: weighted picking in O(log n) with even spacing. A binary heap of deadlines; picking moves
// an item 1/weight into the future, so one of weight 3 comes up three times as often as one of weight 1.

type Entry<Item> = { readonly item: Item; readonly order: number; deadline: number };

export class EarliestDeadline<Item> {
  readonly #heap: Entry<Item>[];
  readonly #weightOf: (item: Item, now: number) => number;

  /** Weights are more than 0. `random` spreads the first deadlines, so that many proxies started at once do not all begin with the same item. */
  constructor(
    items: readonly Item[],
    weightOf: (item: Item, now: number) => number,
    now: number,
    random: () => number,
  ) {
    this.#weightOf = weightOf;
    const entries = items.map((item, order) => ({ item, order, deadline: random() / weightOf(item, now) }));
    this.#heap = entries.sort((a, b) => (before(a, b) ? -1 : 1));
  }

  /** Of at least one. */
  pick(now: number): Item {
    const first = this.#heap[0]!;
    first.deadline += 1 / this.#weightOf(first.item, now);
    this.#sink(first);
    return first.item;
  }

  #sink(entry: Entry<Item>): void {
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

function before(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.deadline < b.deadline || (a.deadline === b.deadline && a.order < b.order);
}
