// The network filters echo and direct_response.
import type { Accepted, Served } from './terminal.ts';

export function serveEcho(accepted: Accepted): Served {
  const { socket } = accepted;
  socket.on('data', (bytes: Buffer) => {
    if (!socket.write(bytes)) socket.pause();
  });
  socket.on('drain', () => socket.resume());
  socket.once('end', () => socket.end());
  return watched(accepted);
}

/** Says its piece and closes; what the client sends is not read. */
export function serveFixed(accepted: Accepted, body: Buffer): Served {
  const { socket } = accepted;
  if (body.length > 0) socket.write(body);
  const served = watched(accepted);
  socket.destroySoon();
  return served;
}

function watched({ socket, onGone }: Accepted): Served {
  socket.on('error', () => socket.destroy());
  socket.once('close', onGone);
  socket.resume();
  return { drain: () => undefined, destroy: () => socket.destroy() };
}
