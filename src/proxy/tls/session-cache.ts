// Sessions to resume, by whom they are with. Names may come from requests, so there is no end of them: what was not used for longest is forgotten.

export class SessionCache<T> {
  readonly #limit: number;
  /** Least recently used first. */
  readonly #known = new Map<string, T>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): T | undefined {
    const found = this.#known.get(key);
    if (found === undefined) return undefined;
    this.#known.delete(key);
    this.#known.set(key, found);
    return found;
  }

  set(key: string, value: T): void {
    this.#known.delete(key);
    this.#known.set(key, value);
    if (this.#known.size <= this.#limit) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}
