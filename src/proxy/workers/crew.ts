// The workers of a proxy: all have the same configuration, and one that ends is replaced by one that is told everything again.
//
//   change ──► replica ──► worker 0, worker 1, …     in order; refused by one: taken back from all
//                 └─ all of it ──► a new worker in the place of one that ended
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { type Backoff, jitteredBackoff } from '../../xds/backoff.ts';
import type { Change, Order, Outcome, WorkerSeed } from './messages.ts';
import { Replica } from './replica.ts';
import { type WorkerEvents, WorkerHandle } from './worker-handle.ts';

export type CrewOptions = {
  readonly size: number;
  /** What a worker's thread runs. */
  readonly entry: URL;
  readonly seed: (index: number) => WorkerSeed;
  /** A worker ended that was not told to. */
  readonly onDeath: (index: number) => void;
  /** A worker said something unasked. */
  readonly onNews: WorkerEvents['onNews'];
  /** What one that starts late is told before the configuration. */
  readonly briefing: () => readonly Order[];
  readonly log: Log;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
};

/** Milliseconds. */
const PING_INTERVAL = 5_000;
/** A thread that says nothing for so long hangs, most likely in a loop. */
const HUNG = 30_000;
const FIRST_RESTART = 50;
const LAST_RESTART = 10_000;
/** One that lived so long is replaced as fast as the first. */
const STABLE = 60_000;

type Seat = { worker: WorkerHandle; readonly backoff: Backoff; since: number };

export class Crew {
  deaths = 0;
  readonly #options: CrewOptions;
  readonly #replica = new Replica();
  readonly #seats: readonly Seat[];
  #started = false;
  #closing = false;

  constructor(options: CrewOptions) {
    this.#options = options;
    const { size, clock, random } = options;
    this.#seats = Array.from({ length: size }, (_, index) => ({
      worker: this.#hire(index),
      backoff: jitteredBackoff(FIRST_RESTART, LAST_RESTART, random),
      since: clock.now(),
    }));
  }

  /** Rejects, with none running, when one of them does not start. */
  async start(): Promise<void> {
    const outcomes = await this.ask({ kind: 'ping' });
    if (outcomes.some(({ kind }) => kind !== 'done')) {
      await this.close(0);
      throw new Error('a worker did not start (hint: --concurrency 1 needs none)');
    }
    this.#started = true;
    for (const { worker } of this.#seats) this.#watch(worker);
  }

  /** Everyone, by index. */
  ask(order: Order): Promise<Outcome[]> {
    return Promise.all(this.#seats.map(({ worker }) => worker.ask(order)));
  }

  /** One of them. */
  askOne(index: number, order: Order): Promise<Outcome> {
    return this.#seats[index]!.worker.ask(order);
  }

  /** As `ask`, and hears every answer as it comes. */
  async each(order: Order, onOutcome: (index: number, outcome: Outcome) => void): Promise<void> {
    await Promise.all(
      this.#seats.map(async ({ worker }, index) => {
        onOutcome(index, await worker.ask(order));
      }),
    );
  }

  /** Asks one after the other until one says something; its outcome is `gone` when none does. */
  async first(change: Change): Promise<{ readonly worker: WorkerHandle | null; readonly outcome: Outcome }> {
    for (const { worker } of this.#seats) {
      const outcome = await worker.ask({ kind: 'change', change });
      if (outcome.kind !== 'gone') return { worker, outcome };
    }
    return { worker: null, outcome: { kind: 'gone' } };
  }

  /** All but `has`, which has it already. Rejects when one refuses; then what was before is in use again, in all of them. */
  async all(change: Change, has: WorkerHandle | null = null): Promise<void> {
    const takeBack = this.#replica.record(change);
    const others = this.#seats.map(({ worker }) => worker).filter((worker) => worker !== has);
    const outcomes = await Promise.all(others.map((worker) => worker.ask({ kind: 'change', change })));
    const refused = outcomes.find(({ kind }) => kind === 'refused');
    if (refused?.kind !== 'refused') return;
    const before = takeBack();
    if (before !== null) await this.ask({ kind: 'change', change: before });
    throw new Error(refused.reason);
  }

  /** Takes something away, which nobody waits for. */
  drop(change: Change): void {
    this.#replica.record(change);
    this.tell({ kind: 'change', change });
  }

  /** Says what cannot be refused. */
  tell(order: Order, whom: (index: number) => boolean = () => true): void {
    for (const [index, { worker }] of this.#seats.entries()) {
      if (!whom(index)) continue;
      void worker.ask(order).then((outcome) => {
        if (outcome.kind === 'refused') this.#options.log.error({ order: order.kind, ...outcome }, 'worker refused');
      });
    }
  }

  /** A worker that starts from now on knows nothing of it. */
  forget(change: Change): void {
    this.#replica.record(change);
  }

  /** All are gone when it resolves, and those that took longer than `patience` milliseconds by force. */
  async close(patience: number): Promise<void> {
    this.#closing = true;
    const workers = this.#seats.map(({ worker }) => worker);
    const late = new Promise<void>((resolve) => this.#options.clock.after(patience, resolve));
    await Promise.race([late, Promise.all(workers.map((worker) => worker.close()))]);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #hire(index: number): WorkerHandle {
    const { entry, seed, onNews } = this.#options;
    return new WorkerHandle(entry, seed(index), { onNews, onGone: (reason) => this.#onGone(index, reason) });
  }

  #onGone(index: number, reason: string): void {
    const { log, onDeath, clock } = this.#options;
    if (this.#closing) return;
    log.error({ worker: index, reason }, 'worker ended');
    if (!this.#started) return;
    this.deaths += 1;
    onDeath(index);
    const seat = this.#seats[index]!;
    if (clock.now() - seat.since > STABLE) seat.backoff.reset();
    clock.after(seat.backoff.next(), () => this.#replace(index, seat));
  }

  #replace(index: number, seat: Seat): void {
    const { log, clock } = this.#options;
    if (this.#closing) return;
    const worker = this.#hire(index);
    seat.worker = worker;
    seat.since = clock.now();
    this.#watch(worker);
    void this.#catchUp(worker).then((all) => {
      const refused = all.find(({ kind }) => kind === 'refused');
      if (refused === undefined) log.info({ worker: index }, 'worker replaced');
      // What it took before it cannot be had now: better none than one that lacks something.
      else void this.#giveUp(worker, { worker: index, ...refused });
    });
  }

  /** It takes connections only when the clusters they may go to are in use. */
  async #catchUp(worker: WorkerHandle): Promise<Outcome[]> {
    const tell = (listeners: boolean): Promise<Outcome>[] =>
      this.#replica
        .changes()
        .filter(({ kind }) => (kind === 'listener') === listeners)
        .map((change) => worker.ask({ kind: 'change', change }));
    const briefed = this.#options.briefing().map((order) => worker.ask(order));
    const outcomes = await Promise.all([...briefed, ...tell(false)]);
    return [...outcomes, ...(await Promise.all(tell(true)))];
  }

  /** Ends a thread that hangs. */
  #watch(worker: WorkerHandle): void {
    const { clock } = this.#options;
    let asked = clock.now();
    let answered = true;
    const look = (): void => {
      if (worker.gone || this.#closing) return;
      if (answered) {
        answered = false;
        asked = clock.now();
        void worker.ask({ kind: 'ping' }).then(() => {
          answered = true;
        });
      } else if (clock.now() - asked > HUNG) {
        void this.#giveUp(worker, { silentFor: clock.now() - asked });
        return;
      }
      clock.after(PING_INTERVAL, look);
    };
    clock.after(PING_INTERVAL, look);
  }

  async #giveUp(worker: WorkerHandle, why: object): Promise<void> {
    this.#options.log.error(why, 'worker is ended');
    await worker.terminate();
  }
}
