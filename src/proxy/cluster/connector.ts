// How a connection to an endpoint is made. A pool knows only this type, so plain and TLS transports look alike to it.
import { connect as connectSocket, type Socket } from 'node:net';
import { reusedReads } from '../socket/reused-reads.ts';

export type ConnectResult = {
  /** `alpn`: the protocol the handshake agreed on, '' for none. */
  onConnected(socket: Socket, alpn: string): void;
  /** `detail` is Envoy's transport failure reason, '' for none. */
  onFailed(detail: string): void;
};

export type Connector = {
  /** Starts a connection; exactly one of the callbacks follows unless the result is called first to give up. */
  connect(address: string, port: number, result: ConnectResult): () => void;
};

export const plainConnector: Connector = {
  connect(address, port, result) {
    const socket: Socket = connectSocket({ host: address, port, noDelay: true, onread: reusedReads(() => socket) });
    const failed = (error: NodeJS.ErrnoException) => result.onFailed(connectError(error));
    socket.once('error', failed);
    socket.once('connect', () => {
      socket.removeListener('error', failed);
      result.onConnected(socket, '');
    });
    return () => {
      socket.removeListener('error', failed);
      socket.on('error', ignoreAfterGivingUp);
      socket.destroy();
    };
  },
};

/** In Envoy's words. */
export function connectError(error: NodeJS.ErrnoException): string {
  const text = error.code === 'ECONNREFUSED' ? 'Connection refused' : (error.code ?? error.message);
  return `delayed connect error: ${text}`;
}

function ignoreAfterGivingUp(): void {
  // The connection was already given up; its error tells nobody anything.
}
