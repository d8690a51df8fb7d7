// Work on the newest of what comes in, one at a time: what waits is replaced by what is newer, not queued.

export class NewestOnly<T> {
  readonly #work: (item: T) => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #next: { readonly item: T } | null = null;
  #working: Promise<void> | null = null;
  #stopped = false;

  /** `onError` is told of work that failed; the next goes on. */
  constructor(work: (item: T) => Promise<void>, onError: (error: unknown) => void) {
    this.#work = work;
    this.#onError = onError;
  }

  give(item: T): void {
    this.#next = { item };
    this.#working ??= this.#run().finally(() => {
      this.#working = null;
    });
  }

  /** Nothing more is begun; resolves when what was begun is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working;
  }

  async #run(): Promise<void> {
    while (this.#next !== null && !this.#stopped) {
      const { item } = this.#next;
      this.#next = null;
      await this.#work(item).catch(this.#onError);
    }
  }
}
