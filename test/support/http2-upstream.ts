// An upstream of HTTP/2 that says exactly what a test wants, wrong things too. What it does with a request is told by the request's path.
import { createServer, type Server, type Socket } from 'node:net';
import { FrameReader, type FrameSink } from '../../src/proxy/http2/frame-reader.ts';
import { HpackDecoder } from '../../src/proxy/http2/hpack-decoder.ts';
import { flags, frame, PREFACE } from '../../src/proxy/http2/protocol.ts';
import { type Field, frameOf, literals, type Setting, settingsOf, uint32 } from './http2-wire.ts';
import { writeTogether } from './write-together.ts';

const OK: Field = [':status', '200'];

/** Called with each request's head, and again (as `end`) when its body is complete. */
export type Manner = {
  readonly head?: (request: UpstreamRequest) => void;
  readonly end?: (request: UpstreamRequest) => void;
};

export class Http2Upstream {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(manner: (path: string) => Manner) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      new UpstreamConnection(socket, manner);
    });
  }

  static async start(manner: (path: string) => Manner): Promise<Http2Upstream> {
    const upstream = new Http2Upstream(manner);
    await new Promise<void>((resolve) => upstream.#server.listen(0, '127.0.0.1', resolve));
    return upstream;
  }

  get port(): number {
    const bound = this.#server.address();
    return typeof bound === 'object' && bound !== null ? bound.port : 0;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

class UpstreamConnection implements FrameSink {
  /** Nothing is said any more: what still comes is not heard. */
  ended = false;
  readonly #socket: Socket;
  readonly #manner: (path: string) => Manner;
  readonly #decoder = new HpackDecoder(4_096);
  readonly #reader = new FrameReader(this);
  readonly #requests = new Map<number, UpstreamRequest>();
  #preface = PREFACE.length;
  #data: UpstreamRequest | null = null;
  #dataEnds = false;

  constructor(socket: Socket, manner: (path: string) => Manner) {
    this.#socket = socket;
    this.#manner = manner;
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      const skipped = Math.min(this.#preface, bytes.length);
      this.#preface -= skipped;
      if (skipped < bytes.length && !this.ended) this.#reader.read(bytes.subarray(skipped));
    });
    this.settings([]);
  }

  get socket(): Socket {
    return this.#socket;
  }

  settings(settings: readonly Setting[]): void {
    this.send(frame.settings, 0, 0, settingsOf(settings));
  }

  /** Frames of one turn of the event loop leave in one write. */
  send(type: number, flagBits: number, stream: number, payload: Buffer = Buffer.alloc(0)): void {
    writeTogether(this.#socket, frameOf(type, flagBits, stream, payload));
  }

  onFrame(type: number, flagBits: number, stream: number, bytes: Buffer, start: number, end: number): void {
    if (this.ended) return;
    if (type === frame.headers) this.#onHeaders(stream, flagBits, bytes, start, end);
    else if (type === frame.rstStream) this.#requests.get(stream)?.onReset();
    else if (type === frame.settings && (flagBits & flags.ack) === 0) this.send(frame.settings, flags.ack, 0);
    else if (type === frame.ping && (flagBits & flags.ack) === 0)
      this.send(frame.ping, flags.ack, 0, Buffer.from(bytes.subarray(start, end)));
  }

  onDataHead(stream: number, _length: number, _padding: number, flagBits: number): void {
    this.#data = this.#requests.get(stream) ?? null;
    this.#dataEnds = (flagBits & flags.endStream) !== 0;
  }

  onDataBytes(_bytes: Buffer, start: number, end: number): void {
    if (this.#data !== null) this.#data.received += end - start;
  }

  onDataEnd(): void {
    if (this.#dataEnds && this.#data !== null) this.#manner(this.#data.path).end?.(this.#data);
  }

  onBadFrame(reason: string): void {
    throw new Error(`the proxy sent a frame of bad ${reason}`);
  }

  #onHeaders(stream: number, flagBits: number, bytes: Buffer, start: number, end: number): void {
    const fields: Field[] = [];
    const good = this.#decoder.decode(bytes, start, end, { onField: (name, value) => fields.push([name, value]) });
    if (!good) throw new Error('the proxy sent a header block that cannot be decoded');
    const known = this.#requests.get(stream);
    const request = known ?? new UpstreamRequest(this, stream, new Map(fields));
    this.#requests.set(stream, request);
    const manner = this.#manner(request.path);
    if (known === undefined) manner.head?.(request);
    if ((flagBits & flags.endStream) !== 0) manner.end?.(request);
  }
}

/** A request, and every way to answer it. */
export class UpstreamRequest {
  readonly connection: UpstreamConnection;
  readonly stream: number;
  readonly fields: ReadonlyMap<string, string>;
  /** Bytes of the body so far. */
  received = 0;
  onReset: () => void = () => undefined;

  constructor(connection: UpstreamConnection, stream: number, fields: ReadonlyMap<string, string>) {
    this.connection = connection;
    this.stream = stream;
    this.fields = fields;
  }

  get path(): string {
    return this.fields.get(':path') ?? '';
  }

  header(name: string): string {
    return this.fields.get(name) ?? '';
  }

  /** A whole answer. */
  answer(body: string): void {
    this.headers([OK, ['content-length', String(body.length)]], false);
    this.data(body);
  }

  headers(fields: readonly Field[], end: boolean, more: number = flags.endHeaders): void {
    this.connection.send(frame.headers, more | (end ? flags.endStream : 0), this.stream, literals(fields));
  }

  data(body: string | Buffer, end = true): void {
    this.connection.send(frame.data, end ? flags.endStream : 0, this.stream, Buffer.from(body));
  }

  reset(code: number): void {
    this.connection.send(frame.rstStream, 0, this.stream, uint32(code));
  }

  /** `last` counts from this request: 0 is that it was served, -2 that it was not. */
  goaway(last: number, code = 0): void {
    this.connection.send(frame.goaway, 0, 0, Buffer.concat([uint32(Math.max(this.stream + last, 0)), uint32(code)]));
  }

  window(stream: number, increment: number): void {
    this.connection.send(frame.windowUpdate, 0, stream, uint32(increment));
  }

  /** Ends the connection after what was said. */
  close(): void {
    this.connection.ended = true;
    this.connection.socket.end();
  }

  /** The bytes of a whole answer, to be cut anywhere. */
  static bytes(stream: number): Buffer {
    const head = literals([OK, ['content-length', '5']]);
    return Buffer.concat([
      frameOf(frame.headers, flags.endHeaders, stream, head),
      frameOf(frame.data, flags.endStream, stream, Buffer.from('hello')),
    ]);
  }
}
