// Writing so that what is read does not depend on when: what is said in one turn of the event loop leaves in one write.
import type { Socket } from 'node:net';

/** A text has one character per byte. */
export function writeTogether(socket: Socket, bytes: Buffer | string): void {
  if (socket.writableCorked === 0) {
    socket.cork();
    process.nextTick(() => socket.uncork());
  }
  socket.write(bytes, 'latin1');
}
