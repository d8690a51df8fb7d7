// How several threads serve the same listeners: each has a socket of its own on the same address (SO_REUSEPORT), and the kernel gives every
// connection to one of them; or all accept from one socket, which the main thread has bound.

import type { Tally } from '../../lib/shared-tallies.ts';
import type { BalanceContext } from './exact-balance.ts';

export type ListenerSharing = {
  /** Threads that serve them, this one too. */
  readonly workers: number;
  /** In the order of a listener's addresses, where another thread has bound them: taken in place of port 0. */
  portsOf(listener: string): readonly number[];
  /** In the order of a listener's addresses: the socket that all accept from, to be duplicated; null where each has its own. */
  socketsOf(listener: string): readonly (number | null)[];
  /** How connections of a listener are spread evenly. */
  balance(listener: string): BalanceContext;
  /** Keys of TLS session tickets: 48 bytes, the same in every thread for the same text. */
  ticketKeys(of: string): Buffer;
  /** What the other threads have of what goes by this name; null when it cannot be known. */
  tally(name: string): Tally | null;
};
