// An upstream without HTTP: it answers every piece with its name and the piece, and says what it saw.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** `a` echoes; `greeter` speaks first; `resetter` resets when it hears something; `ender` says a word and half-closes at once. */
export type Manner = 'echo' | 'greeter' | 'resetter' | 'ender';

export class RawUpstream {
  readonly name: string;
  /** What came on each connection since the last `forget`. */
  received: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(name: string, manner: Manner, tls: TlsOptions | null) {
    this.name = name;
    const serve = (socket: Socket) => this.#serve(socket, manner);
    this.#server =
      tls === null
        ? createServer({ allowHalfOpen: true }, serve)
        : createTlsServer({ ...tls, allowHalfOpen: true }, serve);
  }

  static async start(name: string, manner: Manner, tls: TlsOptions | null = null): Promise<RawUpstream> {
    const upstream = new RawUpstream(name, manner, tls);
    await new Promise<void>((resolve) => upstream.#server.listen(0, '127.0.0.1', resolve));
    return upstream;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  forget(): void {
    this.received = [];
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket, manner: Manner): void {
    const at = this.received.push('') - 1;
    const { received } = this;
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    if (manner === 'greeter') socket.write(`hello from ${this.name}\n`);
    if (manner === 'ender') socket.end('bye\n');
    socket.on('data', (bytes: Buffer) => {
      received[at] += bytes.toString('latin1');
      if (manner === 'resetter') socket.resetAndDestroy();
      else if (manner !== 'ender') socket.write(`${this.name}:${bytes.toString('latin1')}`, 'latin1');
    });
    socket.on('end', () => socket.end());
  }
}
