// An upstream without HTTP: it answers every piece with its name and the piece, and says what it saw.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket, type TlsOptions } from 'node:tls';

/** `a` echoes; `headed` does so under TLS that a PROXY header goes before; `namer` answers with the server name it was asked for, in HTTP/1.1 where it is asked so; `connector` grants whatever is asked for in the first piece and echoes then; `web` answers requests of HTTP/1.1 without bodies; `greeter` speaks first; `resetter` resets when it hears something; `ender` says a word and half-closes at once. */
export type Manner = 'echo' | 'connector' | 'headed' | 'namer' | 'web' | 'greeter' | 'resetter' | 'ender';

export class RawUpstream {
  readonly name: string;
  /** What came on each connection since the last `forget`. */
  received: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #header = '';

  private constructor(name: string, manner: Manner, tls: TlsOptions | null) {
    this.name = name;
    const serve = (socket: Socket) => this.#serve(socket, manner);
    if (tls === null) this.#server = createServer({ allowHalfOpen: true }, serve);
    else {
      const secure = createTlsServer({ ...tls, allowHalfOpen: true }, serve);
      const headed = () => createServer({ allowHalfOpen: true }, (socket) => this.#secureBehindHeader(socket, secure));
      this.#server = manner === 'headed' ? headed() : secure;
    }
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

  /** The line of a PROXY header goes before the handshake. */
  #secureBehindHeader(socket: Socket, tls: Server): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('data', (bytes: Buffer) => {
      const end = bytes.indexOf('\r\n') + 2;
      this.#header = bytes.toString('latin1', 0, end);
      socket.pause();
      socket.unshift(bytes.subarray(end));
      tls.emit('connection', socket);
    });
  }

  #serve(socket: Socket, manner: Manner): void {
    const at = this.received.push(this.#header) - 1;
    const { received } = this;
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    if (manner === 'greeter') socket.write(`hello from ${this.name}\n`);
    if (manner === 'ender') socket.end('bye\n');
    socket.on('data', (bytes: Buffer) => {
      const text = bytes.toString('latin1');
      received[at] += text;
      if (manner === 'resetter') socket.resetAndDestroy();
      else if (manner === 'connector' && received[at] === text) socket.write('HTTP/1.1 200 OK\r\n\r\n');
      else if (manner === 'web') answer(socket, text, this.name);
      else if (manner === 'namer') answer(socket, text, nameOf(socket));
      else if (manner !== 'ender') socket.write(`${this.name}:${text}`, 'latin1');
    });
    socket.on('end', () => socket.end());
  }
}

/** Requests end with an empty line; everything else gets the words and itself. */
function answer(socket: Socket, text: string, words: string): void {
  if (text.endsWith('\r\n\r\n')) socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${words.length}\r\n\r\n${words}`);
  else if (!text.startsWith('PROXY ')) socket.write(`${words}:${text}`, 'latin1');
}

function nameOf(socket: Socket): string {
  return socket instanceof TLSSocket && typeof socket.servername === 'string' ? socket.servername : 'nothing';
}
