// A connection to an upstream that many requests share.
import type { Socket } from 'node:net';
import type { UpstreamConnection, UpstreamTls } from '../http/exchange.ts';
import type { RequestHead } from '../http/message.ts';
import type { ResponseLimits } from '../http/response-limits.ts';
import type { ClientSession, ClientStream, ClientStreamHandler } from '../http/stream.ts';
import { fieldBytes, requestBytes, responseBytes, type WireBytes } from '../http/wire-bytes.ts';
import { BlockReader } from './block-reader.ts';
import { Http2ClientStream } from './client-stream.ts';
import { Http2Connection, type Http2Owner, type Http2Side } from './connection.ts';
import type { Http2Options } from './options.ts';
import { code, FRAME_SIZE, flags, frame, LARGEST_STREAM, PREFACE } from './protocol.ts';
import { ResponseFields } from './response-fields.ts';

export type Http2ClientOwner = Http2Owner & {
  /** The peer said how many requests it takes at a time. */
  onLimit(limit: number): void;
  /** It takes requests again, after it could not. */
  onAvailable(session: Http2ClientConnection): void;
  /** The last response is complete. */
  onIdle(session: Http2ClientConnection): void;
  /** It takes no request any more; those in progress go on. */
  onDraining(session: Http2ClientConnection): void;
  onClosed(session: Http2ClientConnection): void;
};

type Http2ClientOptions = { readonly http2: Http2Options; readonly responseLimits: ResponseLimits };

export class Http2ClientConnection implements ClientSession, Http2Side {
  readonly client = true;
  readonly delayedClose = 1_000;
  readonly lastPeerStream = 0;
  lastOwnStream = -1;
  /** The pool's to write: since when it has no request, and whether it is among those that take some. */
  idleSince = 0;
  listed = false;
  requests = 0;
  readonly #connection: Http2Connection;
  readonly #owner: Http2ClientOwner;
  readonly connection: UpstreamConnection;
  readonly #blocks: BlockReader<ResponseFields>;
  #draining = false;
  #full = false;
  #handler: ClientStreamHandler | null = null;

  constructor(socket: Socket, tls: UpstreamTls | null, options: Http2ClientOptions, owner: Http2ClientOwner) {
    this.#owner = owner;
    const { localAddress: address = '', localPort: port = 0 } = socket;
    this.connection = { protocol: 'HTTP/2', local: { address, port }, tls };
    this.#connection = new Http2Connection(socket, options.http2, options.responseLimits.maxHeadBytes, owner, this);
    this.#blocks = new BlockReader(this.#connection.decoder, () => new ResponseFields(options.responseLimits));
    socket.on('data', (bytes: Buffer) => this.#connection.guard(() => this.#connection.receive(bytes)));
    this.#connection.start(PREFACE);
  }

  get busy(): boolean {
    return this.#connection.streams.size > 0;
  }

  get available(): boolean {
    const { streams, ended } = this.#connection;
    return !this.#draining && !ended && streams.size < this.limit;
  }

  /** Requests at a time: what the peer allows, within our own limit. */
  get limit(): number {
    const { peer, options } = this.#connection;
    return Math.min(peer.maxConcurrentStreams, options.maxConcurrentStreams);
  }

  /** What the peer is expected to allow, until it says so itself. */
  expectLimit(limit: number): void {
    this.#connection.peer.maxConcurrentStreams = limit;
  }

  /** The peer takes extended CONNECT. */
  get connectProtocol(): boolean {
    return this.#connection.peer.connectProtocol;
  }

  open(head: RequestHead, last: boolean, handler: ClientStreamHandler, wire: WireBytes | null = null): ClientStream {
    const connection = this.#connection;
    this.#handler = handler;
    this.lastOwnStream += 2;
    this.requests += 1;
    const stream = new Http2ClientStream(connection, this.lastOwnStream, handler, head.method, head.upgrade !== '');
    stream.wire = wire;
    connection.add(stream);
    connection.budgets.openedStreams += 1;
    stream.localDone = last;
    this.#send(stream, head, last);
    connection.onRequest();
    if (this.lastOwnStream > LARGEST_STREAM - 4) this.retire();
    if (!this.available) this.#full = true;
    return stream;
  }

  /** Requests in progress are the last ones. */
  retire(): void {
    if (this.#draining) return;
    this.#draining = true;
    if (!this.busy) this.close();
  }

  close(): void {
    if (this.#connection.ended) return;
    this.#connection.goaway(0, code.noError);
    this.#connection.end();
  }

  onBlock(): void {
    // The time-outs of requests hold for the rest of it.
  }

  onHeaders(id: number, block: Buffer, start: number, end: number, endStream: boolean): void {
    const connection = this.#connection;
    const fields = this.#blocks.read(block, start, end);
    if (fields === null) {
      connection.fail(code.compressionError, 'a header block cannot be decoded');
      return;
    }
    const stream = connection.streams.get(id) as Http2ClientStream | undefined;
    if (stream === undefined) {
      if ((id & 1) === 0 || id > this.lastOwnStream)
        connection.fail(code.protocolError, 'HEADERS on a stream that is not open');
    } else if (stream.remoteDone) connection.breakStream(stream, code.streamClosed);
    else if (stream.answered) this.#onTrailers(stream, fields, endStream);
    else this.#onHead(stream, fields, endStream);
  }

  onGoaway(lastStream: number): void {
    const connection = this.#connection;
    this.#drain();
    for (const stream of connection.streams.all() as Http2ClientStream[]) {
      if (stream.id <= lastStream) continue;
      connection.drop(stream);
      stream.refuse();
    }
    if (!this.busy) this.close();
  }

  onSettings(): void {
    this.#owner.onLimit(this.limit);
    this.#offer();
  }

  onReadDone(): void {
    this.#offer();
  }

  onQuiet(): void {
    if (this.#draining) this.close();
    else this.#owner.onIdle(this);
  }

  /** Before its requests hear of it: they, or the next ones, must not come back to a connection that is at its end. */
  onEnding(): void {
    this.#drain();
  }

  onLateClose(): void {
    // Servers may take their time.
  }

  onClosed(): void {
    this.#owner.onClosed(this);
  }

  onBug(error: unknown): void {
    this.#handler?.onBug(error);
  }

  /** Tells the pool once when there is room again. */
  #offer(): void {
    if (!this.#full || !this.available) return;
    this.#full = false;
    this.#owner.onAvailable(this);
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#owner.onDraining(this);
  }

  #send(stream: Http2ClientStream, head: RequestHead, last: boolean): void {
    const { output, encoder } = this.#connection;
    const { fields } = head.headers;
    output.beginFrame(frame.headers, last ? flags.endHeaders | flags.endStream : flags.endHeaders, stream.id, 512);
    encoder.begin(output);
    const extended = head.upgrade !== '';
    encoder.field(output, ':method', extended ? 'CONNECT' : head.method);
    if (extended) encoder.field(output, ':protocol', head.upgrade);
    if (extended || head.method !== 'CONNECT') {
      encoder.field(output, ':scheme', head.scheme);
      encoder.field(output, ':path', head.path);
    }
    if (head.authority !== '') encoder.field(output, ':authority', head.authority);
    for (let i = 0; i < fields.length; i += 2) encoder.field(output, fields[i]!, fields[i + 1]!);
    const frames = output.endHeaders(stream.id, FRAME_SIZE);
    stream.wire?.sentBlock(frames, requestBytes(head));
  }

  #onHead(stream: Http2ClientStream, fields: ResponseFields, endStream: boolean): void {
    const head = fields.head();
    if (head === null || head.status === 101 || (head.status < 200 && endStream)) {
      this.#connection.badMessage(stream, 'a malformed response');
      return;
    }
    stream.wire?.receivedBlock(this.#connection.blockFrames, responseBytes(head));
    this.#connection.touch(stream);
    if (head.status < 200) {
      stream.onInterim(head);
      return;
    }
    stream.answered = true;
    if (stream.upgrade && head.status < 300) head.status = 101;
    if (stream.method !== 'HEAD' && head.status !== 304) stream.expect(fields.contentLength);
    if (!endStream) {
      stream.onResponse(head, false);
      return;
    }
    if (!stream.complete) {
      this.#connection.badMessage(stream, 'less content than announced');
      return;
    }
    stream.remoteDone = true;
    if (stream.localDone) this.#connection.forget(stream);
    else stream.abort(code.noError);
    stream.onResponse(head, true);
  }

  #onTrailers(stream: Http2ClientStream, fields: ResponseFields, endStream: boolean): void {
    const trailers = fields.trailers();
    if (trailers !== null) stream.wire?.receivedBlock(this.#connection.blockFrames, fieldBytes(trailers));
    if (trailers === null || !endStream) this.#connection.badMessage(stream, 'malformed trailers');
    else this.#connection.endRemote(stream, trailers.size === 0 ? null : trailers);
  }
}
