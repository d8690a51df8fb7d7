// The load of one measurement, as a process of its own: PORT UPSTREAM SECONDS. Prints the GB that came through.
import { connect, createServer } from 'node:net';

const PIECE = Buffer.alloc(262_144, 'x');
const STREAMS = 4;

const [port, upstream, seconds] = process.argv.slice(2).map(Number) as [number, number, number];
const until = performance.now() + seconds * 1000;
console.log(await bulk());
process.exit(0);

async function bulk(): Promise<number> {
  let bytes = 0;
  const server = createServer((socket) => {
    socket.on('data', (piece) => {
      bytes += piece.length;
    });
  });
  await new Promise<void>((resolve) => server.listen(upstream, '127.0.0.1', resolve));
  await Promise.all(Array.from({ length: STREAMS }, () => push()));
  return bytes / 1e9;
}

function push(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('error', reject);
    const fill = (): void => {
      while (performance.now() < until) if (!socket.write(PIECE)) return;
      resolve();
    };
    socket.on('drain', fill);
    socket.once('connect', fill);
  });
}
