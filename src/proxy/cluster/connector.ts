// How a connection to an endpoint is made. A pool knows only this type, so plain and TLS transports look alike to it.
import type { Socket } from 'node:net';
import type { Exchange, UpstreamTls } from '../http/exchange.ts';
import { reusedReads } from '../socket/reused-reads.ts';
import type { ConnectSocket } from './origin-sockets.ts';

export type ConnectResult = {
  /** `alpn`: the protocol the handshake agreed on, '' for none. */
  onConnected(socket: Socket, alpn: string, tls: UpstreamTls | null): void;
  /** `detail` is Envoy's transport failure reason, '' for none. */
  onFailed(detail: string): void;
};

/** What a transport tells an endpoint of whom a connection is for. Connections of one `key` are alike. */
export type Purpose = {
  readonly key: string;
  /** Bytes that go before everything else; null: none. */
  readonly preface: Buffer | null;
  /** Asked for in the handshake, in place of what is configured; '' is nothing else. */
  readonly serverName: string;
  /** The endpoint's name; '' where it has none, or the transport does not ask. */
  readonly hostName: string;
  /** The endpoint's certificate must be for one of these; [] demands nothing more. */
  readonly hosts: readonly string[];
  /** Protocols offered in the handshake, in place of those configured; [] is nothing else. */
  readonly alpn: readonly string[];
};

export const ANYBODY: Purpose = { key: '', preface: null, serverName: '', hostName: '', hosts: [], alpn: [] };

export type Connector = {
  /**
   * Starts a connection; exactly one of the callbacks follows unless the result is called first to give up. Without a purpose it is for the
   * proxy itself (health checks), or for anybody.
   */
  connect(address: string, port: number, result: ConnectResult, purpose?: Purpose | null): () => void;
  /** Absent where a connection serves anybody; otherwise only exchanges of the same purpose share one. */
  readonly purposeOf?: ((exchange: Exchange) => Purpose) | undefined;
};

export function plainConnectorOn(connect: ConnectSocket): Connector {
  return {
    connect(address, port, result) {
      const socket: Socket = connect(
        address,
        port,
        reusedReads(() => socket),
      );
      return awaitConnection(socket, result);
    },
  };
}

/** Sockets that something else may be laid over, as TLS. */
export function bareConnectorOn(connect: ConnectSocket): Connector {
  return { connect: (address, port, result) => awaitConnection(connect(address, port), result) };
}

/** In Envoy's words. */
export function connectError(error: NodeJS.ErrnoException): string {
  const text = error.code === 'ECONNREFUSED' ? 'Connection refused' : (error.code ?? error.message);
  return `delayed connect error: ${text}`;
}

function awaitConnection(socket: Socket, result: ConnectResult): () => void {
  const failed = (error: NodeJS.ErrnoException) => result.onFailed(connectError(error));
  socket.once('error', failed);
  socket.once('connect', () => {
    socket.removeListener('error', failed);
    result.onConnected(socket, '', null);
  });
  return () => {
    socket.removeListener('error', failed);
    socket.on('error', ignoreAfterGivingUp);
    socket.destroy();
  };
}

function ignoreAfterGivingUp(): void {
  // The connection was already given up; its error tells nobody anything.
}
