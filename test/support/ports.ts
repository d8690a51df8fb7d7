// Ports nobody listens on. Taken from below the ephemeral range, so that an outgoing connection cannot grab one before its use, and claimed,
// so that no other process of tests gives the same one away: some are only used a second later, and some never, where nobody must answer.
import { createServer, type Server } from 'node:net';

const FIRST = 12_000;
const LAST = 31_999;

export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    if ((await claim(port)) && (await isFree(port))) return port;
  }
}

export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

/** The first of `count` that follow one another. */
export async function freePortRun(count: number): Promise<number> {
  for (;;) {
    const first = await freePort();
    const rest = Array.from({ length: count - 1 }, (_, i) => first + 1 + i);
    let free = true;
    for (const port of rest) free &&= (await claim(port)) && (await isFree(port));
    if (free) return first;
  }
}

/** A name of its own that the kernel gives to one process only, until that ends (an abstract Unix socket; elsewhere a claim holds in this process). */
async function claim(port: number): Promise<boolean> {
  if (process.platform !== 'linux') return claimHere(port);
  const server = await listening({ path: `\0tulle-test-port-${port}` });
  server?.unref();
  return server !== null;
}

const given = new Set<number>();

function claimHere(port: number): boolean {
  if (given.has(port)) return false;
  given.add(port);
  return true;
}

async function isFree(port: number): Promise<boolean> {
  const server = await listening({ port, host: '127.0.0.1', exclusive: true });
  if (server === null) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}

/** null: somebody else does. */
function listening(where: { path: string } | { port: number; host: string; exclusive: true }): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(where, () => resolve(server));
  });
}
