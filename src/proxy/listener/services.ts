// What listeners need of the proxy around them.
import type { Socket } from 'node:net';
import type { FilterChainConfig } from '../config/types.ts';
import type { TlsCounts } from '../http/tls-counts.ts';
import type { Overload } from '../overload/overload.ts';
import type { ServerTls, SharedTicketKeys } from '../tls/server-tls.ts';
import type { ListenerSharing } from './sharing.ts';
import type { TerminalServices } from './terminal.ts';
import type { ConnectionTraits, Place } from './traits.ts';

export type ListenerServices = TerminalServices & {
  serverTls(
    config: NonNullable<FilterChainConfig['tls']>,
    sharedKeys: SharedTicketKeys | null,
    counts: TlsCounts,
  ): ServerTls;
  nextConnectionId(): number;
  /** Milliseconds that connections of what was removed may go on. */
  readonly drainTime: number;
  /** null: this thread has the listeners for itself. */
  readonly sharing: ListenerSharing | null;
  /** The listener that is meant by an address. */
  listenerAt(place: Place): Adopter | undefined;
};

/** Of the process, before a listener minds its overload in its own way. */
export type ProcessServices = ListenerServices & { readonly overload: Overload };

export type Adopter = {
  /** Takes a connection that came to another listener and was meant for this one. */
  adopt(socket: Socket, traits: ConnectionTraits): void;
};
