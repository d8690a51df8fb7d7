// The end of a connection whose last words have been said: our side is closed, the peer has some time to close its own (RFC 9112 section 9.6,
// Envoy's delayed close). What it still sends meanwhile is read and forgotten: a socket closed over unread bytes resets the connection, and the
// reset may overtake the answer.
import type { Socket } from 'node:net';
import type { TimerWheel } from '../../lib/timer-wheel.ts';

/** `delay`: milliseconds since the last bytes left, 0 waits for nothing but them; `onLate`: the peer let them pass. */
export function closeDelayed(socket: Socket, wheel: TimerWheel, delay: number, onLate: () => void): void {
  if (socket.destroyed) return;
  if (delay === 0) {
    socket.destroySoon();
    return;
  }
  let waiting = socket.writableLength;
  const look = (): void => {
    // A slow reader of a long answer is not late.
    if (socket.writableLength < waiting) {
      waiting = socket.writableLength;
      timer = wheel.set(delay, look);
      return;
    }
    onLate();
    socket.destroy();
  };
  let timer = wheel.set(delay, look);
  socket.once('close', () => wheel.cancel(timer));
  socket.end();
  socket.resume();
}
