// `exact_balance`: a connection is served by the thread that has the fewest of its listener, whichever accepted it.
import { Socket } from 'node:net';
import type { Counts } from '../../lib/shared-counts.ts';
import { descriptorOf, duplicate } from '../system/sockets.ts';

export type BalanceContext = {
  /** Which of them this is. */
  readonly own: number;
  /** By thread, of `balanceName`. */
  readonly counts: readonly Counts[];
  /** Gives an accepted connection to another thread. */
  handOver(worker: number, descriptor: number): void;
};

/** Those it has, or that are on their way to it. */
export const CONNECTIONS = 0;
/** 1: it has the listener. Nothing is given to others. */
export const SERVES = 1;

/** Of the counts that all threads see. */
export function balanceName(worker: number, listener: string): string {
  return `connections ${worker} ${listener}`;
}

export class ExactBalance {
  readonly #context: BalanceContext;

  constructor(context: BalanceContext) {
    this.#context = context;
  }

  /** Whether the connection, of which nothing has been read, is another thread's now. */
  handsOver(socket: Socket): boolean {
    const { own, counts, handOver } = this.#context;
    const chosen = this.#choose();
    if (chosen === own) {
      this.#follow(socket);
      return false;
    }
    let descriptor: number;
    try {
      descriptor = duplicate(descriptorOf(socket));
    } catch (error) {
      counts[chosen]!.decrement(CONNECTIONS);
      throw error;
    }
    socket.destroy();
    handOver(chosen, descriptor);
    return true;
  }

  /** One that another thread accepted, and counted here already. */
  take(descriptor: number): Socket {
    // As the listening socket makes them: nothing is read before somebody wants it.
    const options = { fd: descriptor, allowHalfOpen: true, pauseOnCreate: true };
    const socket = new Socket(options);
    socket.setNoDelay(true);
    this.#follow(socket);
    return socket;
  }

  #follow(socket: Socket): void {
    const { own, counts } = this.#context;
    socket.once('close', () => counts[own]!.decrement(CONNECTIONS));
  }

  /** Counts it there. Again from the beginning when another thread has given that one a connection in the meantime. */
  #choose(): number {
    const { counts } = this.#context;
    for (;;) {
      const { worker, connections } = this.#fewest();
      if (counts[worker]!.incrementFrom(CONNECTIONS, connections)) return worker;
    }
  }

  /** This one, unless another has fewer. */
  #fewest(): { readonly worker: number; readonly connections: number } {
    const { own, counts } = this.#context;
    let fewest = { worker: own, connections: counts[own]!.get(CONNECTIONS) };
    for (const [worker, its] of counts.entries()) {
      const connections = its.get(CONNECTIONS);
      if (connections < fewest.connections && its.get(SERVES) === 1) fewest = { worker, connections };
    }
    return fewest;
  }
}
