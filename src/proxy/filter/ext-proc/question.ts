// What the processor has been asked about one direction, and for how long its answer is awaited.
import type { Timer } from '../../../lib/timer-wheel.ts';
import type { Phase } from './answers.ts';
import type { ProcessingInit, Session } from './session.ts';

export class Question {
  readonly #session: Session;
  /** Nothing goes on before the answer to it. Pieces of a body are awaited without. */
  #asked: Phase | null = null;
  #timer: Timer | null = null;

  constructor(session: Session) {
    this.#session = session;
  }

  get asked(): Phase | null {
    return this.#asked;
  }

  /** Asks, unless the server has a stream of its own (`patient`), and takes the time it wants. */
  ask(phase: Phase, message: ProcessingInit, patient: boolean): void {
    this.#asked = phase;
    this.#session.tell(message);
    if (!patient) this.wait();
  }

  /** What was told needs an answer before the end, as a question does. */
  expect(phase: Phase): void {
    this.#asked ??= phase;
  }

  /** null: nothing was asked. */
  settle(): Phase | null {
    const asked = this.#asked;
    this.#asked = null;
    return asked;
  }

  /** Starts the wait anew. */
  wait(timeout = this.#session.config.timeout): void {
    this.stopWaiting();
    this.#timer = this.#session.timer(timeout);
  }

  get waiting(): boolean {
    return this.#timer !== null;
  }

  stopWaiting(): void {
    this.#session.cancel(this.#timer);
    this.#timer = null;
  }
}
