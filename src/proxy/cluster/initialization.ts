// When a new cluster may be used: once its endpoints are known and as many health checks have ended as there were to begin with. Whether
// they went well makes no difference (Envoy, "cluster warming").
//
//   discovering ──endpoints──► checking ──results──► over
export class Initialization {
  /** What is done once it is over; null: it is. */
  #waiting: (() => void)[] | null = [];
  /** Checks that have not ended; null: endpoints are not known. */
  #pending: number | null = null;

  get over(): boolean {
    return this.#waiting === null;
  }

  /** Calls back when it is over, at once where it is. */
  whenOver(work: () => void): void {
    if (this.#waiting === null) work();
    else this.#waiting.push(work);
  }

  /** Endpoints were found, with so many checks of them; only the first time counts, unless none is left. */
  discovered(checks: number): void {
    if (this.#pending === null || checks === 0) this.#left(checks);
  }

  checked(): void {
    if (this.#pending !== null) this.#left(this.#pending - 1);
  }

  /** Nobody needs to wait any longer. */
  end(): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    for (const work of waiting ?? []) work();
  }

  #left(checks: number): void {
    this.#pending = checks;
    if (checks <= 0) this.end();
  }
}
