// Reads of plain sockets into one shared buffer. Node allocates 64 KiB for each read of an ordinary socket and shrinks it afterwards:
// measured, that is 8% of the CPU of a small request. A read is dealt with before the next one happens, so all sockets can share a buffer.
// (Not so under TLS, where a write may cause a read.)
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

const READS = Buffer.allocUnsafeSlow(65_536);
/** Larger chunks are worth a copy at once: they are written on as they are, and a socket may hold them. */
const PASSING = 4_096;

const keepsNothing = Symbol('keepsNothing');
type Reader = { [keepsNothing]?: true };

/** The listener of `data` takes `kept` of whatever it holds, however large: large reads need no copy at once. */
export function takeViews(socket: Socket): void {
  (socket as Socket & Reader)[keepsNothing] = true;
}

/** Option of `net.connect`: what was read is emitted as ordinary `data`. */
export function reusedReads(socket: () => Socket): OnReadOpts {
  return {
    buffer: READS,
    callback(length) {
      const chunk = READS.subarray(0, length);
      const reader: Socket & Reader = socket();
      reader.emit('data', length > PASSING && reader[keepsNothing] !== true ? Buffer.from(chunk) : chunk);
      return true;
    },
  };
}

/** The chunk, or a copy when its bytes are in the shared buffer: for who holds it beyond the event. */
export function kept(chunk: Buffer): Buffer {
  return chunk.buffer === READS.buffer ? Buffer.from(chunk) : chunk;
}

/**
 * An accepted, paused socket as one that reads into the shared buffer. Node offers `onread` for new sockets only, so the accepted one hands
 * its handle over, as it does to TLS; it stays behind as an empty shell that closes with the new one, which keeps the server's count
 * right. A Node without such handles gets the socket back as it was.
 */
export function withReusedReads(accepted: Socket): Socket {
  const shell = accepted as Socket & { _handle?: object | null };
  const handle = shell._handle;
  if (handle === undefined || handle === null) return accepted;
  const unread = accepted.readableLength > 0 ? (accepted.read() as Buffer) : null;
  shell._handle = null;
  const options = {
    handle,
    allowHalfOpen: accepted.allowHalfOpen,
    pauseOnCreate: true,
    onread: reusedReads(() => socket),
  };
  // The server itself makes its sockets so; the published types know no raw handles.
  const socket: Socket = new Socket(options as unknown as SocketConstructorOpts);
  if (unread !== null) socket.unshift(unread);
  socket.once('close', () => accepted.destroy());
  return socket;
}
