// Responses counted by their status. The array comes with the first one: most clusters of a mesh never answer.

export class StatusCodes {
  /** `upstream_rq` makes `upstream_rq_200`. */
  readonly #prefix: string;
  #counts: Float64Array | null = null;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  count(status: number): void {
    this.#counts ??= new Float64Array(600);
    if (status < 600) this.#counts[status]! += 1;
  }

  reset(): void {
    this.#counts = null;
  }

  /** Those that occurred. */
  *named(): IterableIterator<readonly [name: string, value: number]> {
    if (this.#counts === null) return;
    for (const [status, count] of this.#counts.entries()) if (count > 0) yield [`${this.#prefix}_${status}`, count];
  }
}
