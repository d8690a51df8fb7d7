// How several threads serve the same listeners: each has a socket of its own on the same address (SO_REUSEPORT), and the kernel gives every
// connection to one of them.

import type { Tally } from '../../lib/shared-tallies.ts';

export type ListenerSharing = {
  /** Threads that serve them, this one too. */
  readonly workers: number;
  /** The one thread that has what cannot be shared so: Unix sockets. */
  readonly isFirst: boolean;
  /** In the order of a listener's addresses, where another thread has bound them: taken in place of port 0. */
  portsOf(listener: string): readonly number[];
  /** Keys of TLS session tickets: 48 bytes, the same in every thread for the same text. */
  ticketKeys(of: string): Buffer;
  /** What the other threads have of what goes by this name; null when it cannot be known. */
  tally(name: string): Tally | null;
};
