// Many connections that are open and quiet: what they cost in memory.
import { connect, type Socket } from 'node:net';

const REQUEST = 'GET /bench HTTP/1.1\r\nhost: bench\r\n\r\n';
/** Preface and empty SETTINGS (RFC 9113 section 3.4): the connection is one of HTTP/2. */
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';

/** Opens `count` connections that have each been answered once, and returns what `look` says while they are open. */
export async function holdConnections<T>(
  port: number,
  count: number,
  protocol: 'h1' | 'h2',
  look: () => Promise<T>,
): Promise<T> {
  const sockets: Socket[] = [];
  try {
    for (let i = 0; i < count; i += 1) sockets.push(await answered(port, protocol === 'h1' ? REQUEST : PREFACE));
    return await look();
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

function answered(port: number, hello: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('a held connection was closed')));
    socket.once('data', () => resolve(socket));
    socket.write(hello, 'latin1');
  });
}
