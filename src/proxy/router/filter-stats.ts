// Counters of HTTP filters by their full name, as in `http.front.rbac`. Filters of one name share them across connection managers and updates.
export class FilterStats {
  readonly #byName = new Map<string, object>();

  /** `make` is the same for every caller of a name. */
  get<Stats extends object>(name: string, make: () => Stats): Stats {
    const known = this.#byName.get(name);
    if (known !== undefined) return known as Stats;
    const stats = make();
    this.#byName.set(name, stats);
    return stats;
  }

  all(): IterableIterator<[string, object]> {
    return this.#byName.entries();
  }
}
