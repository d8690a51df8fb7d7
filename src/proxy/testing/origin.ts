// A scripted upstream and a raw client: what stands on the wire is written by the test, byte by byte.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export type Origin = {
  readonly port: number;
  /** Requests as they came, one entry per call of the script. */
  readonly requests: string[];
  readonly connections: () => number;
  close(): void;
};

/** Calls `script` with the socket and everything received since the last call, as soon as a head (and `bodyBytes` more) is complete. */
export async function startOrigin(script: (socket: Socket, request: string, count: number) => void): Promise<Origin> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections += 1;
    sockets.add(socket);
    let held = '';
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    socket.on('end', () => socket.end());
    socket.on('data', (bytes) => {
      held += bytes.toString('latin1');
      if (!isComplete(held)) return;
      requests.push(held);
      const request = held;
      held = '';
      script(socket, request, requests.length);
    });
  });
  const port = await listen(server);
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port, requests, connections: () => connections, close };
}

/** An origin that answers 200 with the request it got as the body. */
export function startEcho(): Promise<Origin> {
  return startOrigin((socket, request) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${request.length}\r\n\r\n${request}`, 'latin1');
  });
}

export type RawClient = {
  readonly socket: Socket;
  write(text: string): void;
  /** Waits until what was received satisfies the test, and gives all of it. */
  until(test: RegExp | ((received: string) => boolean)): Promise<string>;
  /** Waits for the end of the connection and gives all that was received. */
  ended(): Promise<string>;
};

export function openClient(port: number): RawClient {
  return rawClient(connect({ port, host: '127.0.0.1' }));
}

export function rawClient(socket: Socket): RawClient {
  let received = '';
  let over = false;
  let check: () => void = () => undefined;
  socket.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1');
    check();
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    over = true;
    check();
  });
  const wait = (done: () => boolean) =>
    new Promise<string>((resolve, reject) => {
      check = () => {
        if (done()) resolve(received);
        else if (over) reject(new Error(`the connection ended after: ${JSON.stringify(received)}`));
      };
      check();
    });
  return {
    socket,
    write: (text) => socket.write(text, 'latin1'),
    until: (test) => wait(() => (test instanceof RegExp ? test.test(received) : test(received))),
    ended: () => wait(() => over),
  };
}

/** A port on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function isComplete(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return false;
  const head = text.slice(0, end);
  if (/^transfer-encoding: chunked$/im.test(head))
    return text.endsWith('\r\n\r\n') && /\r\n0\r\n/.test(text.slice(end));
  const length = /^content-length: (\d+)$/im.exec(head);
  return text.length >= end + 4 + Number(length?.[1] ?? 0);
}
