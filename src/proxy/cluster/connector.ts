// How a connection to an endpoint is made. A pool knows only this type, so plain and TLS transports look alike to it.
import { connect as connectSocket, type OnReadOpts, type Socket } from 'node:net';

export type ConnectResult = {
  onConnected(socket: Socket): void;
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
      result.onConnected(socket);
    });
    return () => {
      socket.removeListener('error', failed);
      socket.on('error', ignoreAfterGivingUp);
      socket.destroy();
    };
  },
};

/**
 * One buffer for the reads of all plain upstream connections, which saves an allocation of 64 KiB per read: a read is dealt with before the
 * next one happens. (Not so under TLS, where a write may cause a read.)
 */
const READS = Buffer.allocUnsafeSlow(65_536);
/** Up to this size nobody holds a chunk beyond the event: codecs turn it into text or copy it. */
const PASSING = 4_096;

/** Emits what was read as ordinary `data`; a chunk that may be held, because it is large enough to be written on as it is, as a copy. */
function reusedReads(socket: () => Socket): OnReadOpts {
  return {
    buffer: READS,
    callback(length) {
      const chunk = READS.subarray(0, length);
      socket().emit('data', length > PASSING ? Buffer.from(chunk) : chunk);
      return true;
    },
  };
}

/** In Envoy's words. */
export function connectError(error: NodeJS.ErrnoException): string {
  const text = error.code === 'ECONNREFUSED' ? 'Connection refused' : (error.code ?? error.message);
  return `delayed connect error: ${text}`;
}

function ignoreAfterGivingUp(): void {
  // The connection was already given up; its error tells nobody anything.
}
