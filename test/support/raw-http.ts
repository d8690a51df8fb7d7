// A client that sends exactly the bytes it is given and reads what really came back.
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { ByteReader, StreamEnded } from './byte-reader.ts';
import { headerOf, readBody, readHead, type WireHead, type WireMessage } from './http-message.ts';
import { within } from './wait-for.ts';
import { writeTogether } from './write-together.ts';

export type RawResponse = WireMessage & {
  readonly version: string;
  readonly status: number;
  /** Statuses of 1xx responses before it. */
  readonly interim: readonly number[];
};

/** The head came whole, the body did not. */
export class TruncatedResponse extends Error {
  readonly status: number;
  constructor(status: number, cause: StreamEnded) {
    super(`response ${status} was cut off: ${cause.message}`, { cause });
    this.status = status;
  }
}

export class RawConnection implements Disposable {
  readonly socket: Socket;
  readonly #reader: ByteReader;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.#reader = new ByteReader(socket);
    socket.setNoDelay(true);
  }

  /** Connects to 127.0.0.1. With `tls`, resolves after the handshake. */
  static open(port: number, tls?: ConnectionOptions): Promise<RawConnection> {
    const opening = new Promise<RawConnection>((resolve, reject) => {
      const host = '127.0.0.1';
      const socket = tls === undefined ? connect({ port, host }) : connectTls({ ...tls, port, host });
      socket.once('error', reject);
      socket.once(tls === undefined ? 'connect' : 'secureConnect', () => resolve(new RawConnection(socket)));
    });
    return within(`connection to port ${port}`, opening);
  }

  /** One character per byte. What is sent in one turn of the event loop leaves in one write. */
  send(bytes: string): void {
    writeTogether(this.socket, bytes);
  }

  /** Half-closes: nothing more will be sent. */
  end(): void {
    this.socket.end();
  }

  /** The next final response. `method` is that of its request: HEAD has no body. */
  response({
    method = 'GET',
    deadline,
  }: {
    method?: string;
    deadline?: number | undefined;
  } = {}): Promise<RawResponse> {
    return within('response', this.#read(method), deadline);
  }

  /** The next response head of any status, 1xx too. */
  async interim(deadline?: number): Promise<number> {
    const head = await within('interim response', readHead(this.#reader), deadline);
    return statusOf(head.startLine).status;
  }

  /** Resolves when the peer closes. */
  closed(deadline?: number): Promise<{ how: 'ended' | 'reset'; unread: string }> {
    return within('close', this.#reader.ended(), deadline);
  }

  close(): void {
    this.socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #read(method: string): Promise<RawResponse> {
    const interim: number[] = [];
    for (;;) {
      const head = await readHead(this.#reader);
      const { version, status } = statusOf(head.startLine);
      if (status < 200 && status !== 101) {
        interim.push(status);
        continue;
      }
      return { ...head, ...(await this.#body(method, head, status)), version, status, interim };
    }
  }

  async #body(method: string, head: WireHead, status: number) {
    if (method === 'HEAD' || status === 204 || status === 304 || status === 101) {
      return { body: '', trailers: [], chunked: headerOf(head.headers, 'transfer-encoding') !== undefined };
    }
    try {
      return await readBody(this.#reader, head, 'until-close');
    } catch (error) {
      throw error instanceof StreamEnded ? new TruncatedResponse(status, error) : error;
    }
  }
}

/** One request on a connection of its own. `bytes` is the whole request. */
export async function exchange(port: number, bytes: string, tls?: ConnectionOptions): Promise<RawResponse> {
  using connection = await RawConnection.open(port, tls);
  connection.send(bytes);
  return await connection.response({ method: bytes.slice(0, bytes.indexOf(' ')) });
}

function statusOf(startLine: string): { version: string; status: number } {
  const found = /^(HTTP\/1\.[01]) (\d{3})( .*)?$/.exec(startLine);
  if (found === null) throw new Error(`bad status line ${JSON.stringify(startLine)}`);
  return { version: found[1]!, status: Number(found[2]) };
}
