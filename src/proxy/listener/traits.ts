// What is known of a connection when its filter chain is chosen. Listener filters fill it in.
import type { Socket } from 'node:net';
import type { ClientFingerprints, Downstream, ListenerPlace, PeerTls, Tlv } from '../http/exchange.ts';

export type Place = { readonly address: string; readonly port: number };

export type ConnectionTraits = {
  /** '' until somebody looked; then `raw_buffer` unless it is TLS. */
  transport: '' | 'tls' | 'raw_buffer';
  /** Lower case; '' when the client sent none or nobody looked. */
  serverName: string;
  applicationProtocols: readonly string[];
  /** Where the client thinks it connected to. */
  destination: Place;
  /** `destination` is not an address of this listener: it was redirected here. */
  restored: boolean;
  /** The client: the peer of the socket, or whom a PROXY header names. */
  source: Place;
  directSource: Place;
  fingerprints: ClientFingerprints | null;
  /** Of a PROXY header, what may be passed on. */
  proxyTlvs: readonly Tlv[];
  /** What listener filters note, by namespace; made on first use. */
  metadata: Map<string, unknown> | null;
};

/** A Unix socket has no addresses: its clients are local ones. */
export function traitsOf(socket: Socket, listens: Place): ConnectionTraits {
  const peer = { address: plain(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 };
  return {
    transport: '',
    serverName: '',
    applicationProtocols: [],
    destination:
      socket.localAddress === undefined
        ? listens
        : { address: plain(socket.localAddress), port: socket.localPort ?? listens.port },
    restored: false,
    source: peer,
    directSource: peer,
    fingerprints: null,
    proxyTlvs: NO_TLVS,
    metadata: null,
  };
}

export function downstreamOf(
  traits: ConnectionTraits,
  tls: PeerTls | null,
  id: number,
  listener: ListenerPlace,
  handshakeFailure = '',
): Downstream {
  return {
    id,
    remote: traits.source,
    directRemote: traits.directSource,
    local: traits.destination,
    restored: traits.restored,
    tls,
    serverName: traits.serverName,
    fingerprints: traits.fingerprints,
    proxyTlvs: traits.proxyTlvs,
    metadata: traits.metadata,
    filterState: null,
    handshakeFailure,
    listener,
  };
}

const NO_TLVS: readonly Tlv[] = [];

/** Dual-stack sockets show IPv4 peers as `::ffff:a.b.c.d`. */
function plain(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
