// A scripted upstream: a raw HTTP/1 server that records what reached it and answers what a test says, well-formed or not.
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { ByteReader, StreamEnded } from './byte-reader.ts';
import { readBody, readHead, type WireMessage } from './http-message.ts';

/** What an upstream does after a request has come in. `wire` is sent as it is, one character per byte. */
export type Reply = {
  readonly wire: string;
  /** `hang` keeps the connection and says nothing more. */
  readonly after: 'keep' | 'close' | 'reset' | 'hang';
};

export type ReceivedRequest = WireMessage & {
  /** Which connection of this upstream it came on, counted from 0. */
  readonly connection: number;
};

export type RespondOptions = {
  readonly status?: number;
  readonly reason?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};

/** A response with a content-length. */
export function respond({ status = 200, reason = 'OK', headers = {}, body = '' }: RespondOptions = {}): Reply {
  const fields = Object.entries({ ...headers, 'content-length': String(body.length) });
  return raw(`HTTP/1.1 ${status} ${reason}\r\n${fields.map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n${body}`);
}

export function raw(wire: string, after: Reply['after'] = 'keep'): Reply {
  return { wire, after };
}

export class ScriptedUpstream implements AsyncDisposable {
  readonly name: string;
  /** What came since the last `script` call, in order. */
  received: ReceivedRequest[] = [];
  connections = 0;
  /** Requests cut off before their end, since the last `script` call. */
  broken = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #replies: readonly Reply[] = [];
  /** Answers by target that no script changes, such as those of health checks; what they got is in `asked`. */
  readonly fixed = new Map<string, Reply>();
  /** Requests to `fixed` targets. */
  asked: ReceivedRequest[] = [];

  private constructor(name: string, tls: TlsOptions | undefined) {
    this.name = name;
    const accept = (socket: Socket): void => {
      const served = this.#serve(socket);
      served.catch((error: unknown) => socket.destroy(error instanceof Error ? error : undefined));
    };
    this.#server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
  }

  /** Listens on 127.0.0.1; `port` 0 takes any. */
  static async start(
    name: string,
    { port = 0, tls }: { port?: number; tls?: TlsOptions } = {},
  ): Promise<ScriptedUpstream> {
    const upstream = new ScriptedUpstream(name, tls);
    await new Promise<void>((resolve, reject) => {
      upstream.#server.once('error', reject);
      upstream.#server.listen({ port, host: '127.0.0.1' }, resolve);
    });
    return upstream;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error(`upstream ${this.name} does not listen`);
    return address.port;
  }

  /** Starts a new script: the nth request gets the nth reply, the last one repeats; without any, 200 with the name as body. */
  script(replies: readonly Reply[] = []): void {
    this.#replies = replies;
    this.received = [];
    this.broken = 0;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #serve(socket: Socket): Promise<void> {
    const connection = this.connections;
    this.connections += 1;
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => this.#sockets.delete(socket));
    const reader = new ByteReader(socket);
    try {
      while (await this.#one(socket, reader, connection));
    } catch (error) {
      if (!(error instanceof StreamEnded)) throw error;
      socket.end();
    }
  }

  async #one(socket: Socket, reader: ByteReader, connection: number): Promise<boolean> {
    const head = await readHead(reader);
    try {
      if (head.headers.some(([name, value]) => name.toLowerCase() === 'expect' && value === '100-continue')) {
        socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      }
      const request = { ...head, ...(await readBody(reader, head, 'empty')), connection };
      const fixed = this.fixed.get(head.startLine.split(' ')[1] ?? '');
      if (fixed !== undefined) {
        this.asked.push(request);
        await send(socket, fixed);
        return fixed.after === 'keep' || fixed.after === 'hang';
      }
      this.received.push(request);
    } catch (error) {
      this.broken += 1;
      throw error;
    }
    const at = Math.min(this.received.length, this.#replies.length) - 1;
    const reply = this.#replies[at] ?? respond({ headers: { 'x-upstream': this.name }, body: this.name });
    await send(socket, reply);
    return reply.after === 'keep' || reply.after === 'hang';
  }
}

async function send(socket: Socket, reply: Reply): Promise<void> {
  if (reply.wire !== '') {
    await new Promise<void>((resolve) => {
      socket.write(reply.wire, 'latin1', () => resolve());
    });
  }
  if (reply.after === 'close') socket.end();
  if (reply.after === 'reset') socket.resetAndDestroy();
}
