// A connection on its way through the network filters of its chain:
//
//   passing ──a filter asks──► waiting (paused) ──its answer──► passing ──► admitted, or refused
//                                 └─the connection closes─► lost
import type { Socket } from 'node:net';
import type { Exchange } from '../http/exchange.ts';
import type { Asking, Refusal, RunningNetworkFilter } from '../network-filter/filter.ts';
import type { Served } from './terminal.ts';

/** Of the first three one is called, in the end. */
export type AdmissionOwner = {
  onAdmitted(): void;
  onRefused(refusal: Refusal): void;
  onLost(): void;
  /** Until one of them is called the connection is held here. */
  onWaiting(admission: Admission): void;
  onBug(error: unknown): void;
};

export class Admission implements Served {
  readonly #filters: readonly RunningNetworkFilter[];
  readonly #socket: Socket;
  readonly #record: Exchange;
  readonly #owner: AdmissionOwner;
  #next = 0;
  /** Gives up what is asked; null while nothing is. */
  #giveUp: (() => void) | null = null;
  #waited = false;

  constructor(filters: readonly RunningNetworkFilter[], socket: Socket, record: Exchange, owner: AdmissionOwner) {
    this.#filters = filters;
    this.#socket = socket;
    this.#record = record;
    this.#owner = owner;
  }

  pass(): void {
    while (this.#next < this.#filters.length) {
      const filter = this.#filters[this.#next]!;
      this.#next += 1;
      if ('ask' in filter) {
        this.#ask(filter);
        return;
      }
      const refusal = filter.admit(this.#record);
      if (refusal !== null) {
        this.#owner.onRefused(refusal);
        return;
      }
      const leave = filter.leave;
      if (leave !== undefined) this.#socket.once('close', () => leave.call(filter));
    }
    this.#owner.onAdmitted();
  }

  drain(): void {
    // The answer says what becomes of it.
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #ask(filter: Asking): void {
    let answered = false;
    const giveUp = filter.ask(this.#record, (refusal) => {
      answered = true;
      this.#guarded(() => this.#answered(refusal));
    });
    if (answered) return;
    this.#giveUp = giveUp;
    if (this.#waited) return;
    this.#waited = true;
    this.#socket.on('error', this.#onError).on('close', this.#onClosed);
    this.#owner.onWaiting(this);
  }

  #answered(refusal: Refusal | null): void {
    this.#giveUp = null;
    if (refusal === null) this.pass();
    else this.#owner.onRefused(refusal);
  }

  /** The boundary of exceptions in what answers call. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#socket.destroy();
      this.#owner.onBug(error);
    }
  }

  readonly #onError = (): void => {
    this.#socket.destroy();
  };

  readonly #onClosed = (): void => {
    if (this.#giveUp === null) return;
    this.#giveUp();
    this.#giveUp = null;
    this.#owner.onLost();
  };
}
