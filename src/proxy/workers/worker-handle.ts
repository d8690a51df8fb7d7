// One worker from the outside: a thread that is asked and answers, until it is gone.
import { Worker } from 'node:worker_threads';
import type { FromWorker, News, Order, Outcome, ToWorker, WorkerSeed } from './messages.ts';

export type WorkerEvents = {
  /** `tell` says something to the one that has the news. */
  onNews(news: News, tell: (order: Order) => void): void;
  /** It ended, however that came. */
  onGone(reason: string): void;
};

export class WorkerHandle {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  readonly #exit: Promise<void>;
  #asked = 0;
  #gone = false;

  /** `entry` is what the thread runs. */
  constructor(entry: URL, seed: WorkerSeed, { onNews, onGone }: WorkerEvents) {
    this.#worker = new Worker(entry, { workerData: seed, name: `worker_${seed.index}` });
    let reason = '';
    this.#worker.on('message', (message: FromWorker) => {
      if (message.kind === 'answer') this.#settle(message.id, message.outcome);
      else onNews(message, (order) => void this.ask(order));
    });
    this.#worker.on('error', (error) => {
      reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    this.#exit = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        this.#gone = true;
        for (const id of [...this.#waiting.keys()]) this.#settle(id, { kind: 'gone' });
        onGone(reason === '' ? `it ended with code ${code}` : reason);
        resolve();
      });
    });
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Never rejects. Orders are begun in the order of the calls. */
  ask(order: Order): Promise<Outcome> {
    if (this.#gone) return Promise.resolve({ kind: 'gone' });
    this.#asked += 1;
    const id = this.#asked;
    this.#send({ id, kind: 'order', order });
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  /** Resolves when the thread is gone: by itself, having written what it still held. */
  close(): Promise<void> {
    if (!this.#gone) this.#send({ kind: 'close' });
    return this.#exit;
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #settle(id: number, outcome: Outcome): void {
    const settle = this.#waiting.get(id);
    this.#waiting.delete(id);
    settle?.(outcome);
  }
}
