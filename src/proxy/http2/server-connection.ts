// An accepted HTTP/2 connection: its requests become streams. RFC 9113, with Envoy's limits and response code details.
import type { Socket } from 'node:net';
import type { Timer } from '../../lib/timer-wheel.ts';
import type { DepartureLimits, DepartureStats } from '../http/departure.ts';
import type { Downstream } from '../http/exchange.ts';
import { type HeadLimits, headDeadline, requestTimeout } from '../http/head-deadline.ts';
import { HeaderMap } from '../http/headers.ts';
import { type Idler, IdleWatch } from '../http/idle-watch.ts';
import type { RequestHead } from '../http/message.ts';
import type { CodecFault, StreamAcceptor } from '../http/stream.ts';
import type { Underscores } from '../http/underscores.ts';
import { fieldBytes, requestBytes } from '../http/wire-bytes.ts';
import { BlockReader } from './block-reader.ts';
import { ending } from './closed-streams.ts';
import { Http2Connection, type Http2Owner, type Http2Side } from './connection.ts';
import type { Http2Options } from './options.ts';
import { Preface } from './preface.ts';
import { code, LARGEST_STREAM } from './protocol.ts';
import { RequestFields } from './request-fields.ts';
import { Http2ServerStream } from './server-stream.ts';

export type Http2ServerOptions = HeadLimits &
  DepartureLimits & {
    readonly maxHeadBytes: number;
    readonly maxHeaders: number;
    readonly proxies100Continue: boolean;
    readonly underscores: Underscores;
    readonly http2: Http2Options;
  };

export type Http2ServerOwner = Http2Owner & {
  readonly departures: DepartureStats;
  onClosed(): void;
  /** The connection was ended for what the peer did. */
  onProtocolError(): void;
  onBug(error: unknown): void;
};

/** Envoy's rule against rapid resets (`overload.premature_reset_*`): most of this many streams reset within their first second. */
const PREMATURE_TOTAL = 500;
const PREMATURE_LIFETIME = 1_000;

export class Http2ServerConnection implements Http2Side, Idler {
  readonly client = false;
  readonly downstream: Downstream;
  lastPeerStream = 0;
  readonly lastOwnStream = 0;
  readonly #connection: Http2Connection;
  readonly #acceptor: StreamAcceptor;
  readonly #options: Http2ServerOptions;
  readonly #owner: Http2ServerOwner;
  readonly #blocks: BlockReader<RequestFields>;
  readonly #preface = new Preface();
  readonly #idle: IdleWatch;
  #drainTimer: Timer | null = null;
  /** Runs while the header block of a request is incomplete. */
  #headTimer: Timer | null = null;
  /** The highest stream that is still served; lower than the highest possible once we said GOAWAY. */
  #lastServed = LARGEST_STREAM;
  #draining = false;
  #retired = false;
  #opened = 0;
  #premature = 0;

  constructor(
    socket: Socket,
    downstream: Downstream,
    acceptor: StreamAcceptor,
    options: Http2ServerOptions,
    owner: Http2ServerOwner,
  ) {
    this.downstream = downstream;
    this.#acceptor = acceptor;
    this.#options = options;
    this.#owner = owner;
    this.#connection = new Http2Connection(socket, options.http2, options.maxHeadBytes, owner, this);
    const limits = { ...options, allowConnect: options.http2.allowConnect };
    this.#blocks = new BlockReader(this.#connection.decoder, () => new RequestFields(limits));
    this.#idle = new IdleWatch(options.idleTimeout, this, owner);
    socket.on('data', (bytes: Buffer) => this.#connection.guard(() => this.#receive(bytes)));
    this.#connection.start(null);
    socket.resume();
  }

  /** Graceful (RFC 9113 section 6.8): a first GOAWAY says so, a second one, after the drain time, names the last stream. */
  drain(): void {
    if (this.#draining || this.#connection.ended) return;
    this.#draining = true;
    this.#connection.goaway(LARGEST_STREAM, code.noError);
    this.#drainTimer = this.#owner.wheel.set(this.#options.drainTimeout, () =>
      this.#connection.guard(() => this.#lastGoaway()),
    );
  }

  closeAfter(): void {
    this.drain();
  }

  retire(): boolean {
    if (this.#retired) return false;
    this.#retired = true;
    this.drain();
    return true;
  }

  get busy(): boolean {
    return this.#connection.streams.size > 0;
  }

  onIdle(): void {
    this.#owner.departures.downstream_cx_idle_timeout += 1;
    this.retire();
  }

  destroy(): void {
    this.#connection.destroy();
  }

  onBlock(id: number): void {
    if (id <= this.lastPeerStream || id > this.#lastServed || (id & 1) === 0) return;
    const deadline = headDeadline(this.#options);
    if (deadline === null) return;
    this.#headTimer = this.#owner.wheel.set(deadline.after, () =>
      this.#connection.guard(() => this.#refuseHead(id, deadline.fault)),
    );
  }

  onHeaders(id: number, block: Buffer, start: number, end: number, endStream: boolean): void {
    const connection = this.#connection;
    this.#stopHeadTimer();
    const fields = this.#blocks.read(block, start, end);
    if (fields === null) {
      connection.fail(code.compressionError, 'a header block cannot be decoded');
      return;
    }
    const stream = connection.streams.get(id);
    if (stream !== undefined) this.#onTrailers(stream as Http2ServerStream, fields, endStream);
    else if (id <= this.lastPeerStream) this.#onLateHeaders(id);
    else if ((id & 1) === 0) connection.fail(code.protocolError, 'a client opens odd streams');
    else this.#open(id, fields, endStream);
  }

  onGoaway(): void {
    // It opens no further streams; those that are open go on.
  }

  onSettings(): void {
    // Nothing waits for them.
  }

  onReadDone(): void {
    // Output leaves at the end of the turn.
  }

  onQuiet(): void {
    this.#idle.since = this.#owner.clock.now();
    if (this.#draining && this.#lastServed !== LARGEST_STREAM) this.#connection.end();
  }

  onEnding(): void {
    // Its streams say what has to be said.
  }

  get delayedClose(): number {
    return this.#options.delayedCloseTimeout;
  }

  onLateClose(): void {
    this.#owner.departures.downstream_cx_delayed_close_timeout += 1;
  }

  onClosed(errorCode: number): void {
    this.#idle.stop();
    this.#owner.wheel.cancel(this.#drainTimer);
    this.#stopHeadTimer();
    if (errorCode !== code.noError) this.#owner.onProtocolError();
    this.#owner.onClosed();
  }

  onBug(error: unknown): void {
    this.#owner.onBug(error);
  }

  onPeerReset(stream: Http2ServerStream): void {
    if (this.#owner.clock.now() - stream.started < PREMATURE_LIFETIME) this.#premature += 1;
    if (this.#opened >= PREMATURE_TOTAL && this.#premature * 2 > this.#opened) {
      this.#connection.fail(code.enhanceYourCalm, 'too_many_premature_resets');
    }
  }

  #receive(bytes: Buffer): void {
    const at = this.#preface.read(bytes);
    if (at === -1) this.#connection.fail(code.protocolError, 'the preface of a client is missing');
    else if (at < bytes.length) this.#connection.receive(at === 0 ? bytes : bytes.subarray(at));
  }

  #open(id: number, fields: RequestFields, endStream: boolean): void {
    const connection = this.#connection;
    // Named in a GOAWAY as not served: the peer will try elsewhere.
    if (id > this.#lastServed) return;
    this.lastPeerStream = id;
    this.#opened += 1;
    if (fields.tooLarge) {
      this.#owner.stats.header_overflow += 1;
      connection.closedStreams.add(id, ending.resetByUs);
      connection.resetId(id, code.internalError);
      return;
    }
    if (connection.streams.size >= connection.options.maxConcurrentStreams) {
      connection.closedStreams.add(id, ending.resetByUs);
      connection.resetId(id, code.refusedStream);
      return;
    }
    if (this.#options.underscores !== 'allow') fields.sift();
    if (fields.unwanted) {
      connection.closedStreams.add(id, ending.resetByUs);
      connection.resetId(id, code.internalError);
      return;
    }
    const head = fields.head(this.downstream.tls !== null);
    if (head === null || (endStream && fields.contentLength > 0)) {
      connection.closedStreams.add(id, ending.resetByUs);
      connection.badMessage(null, fields.wrong || 'less content than announced', id);
      return;
    }
    this.#accept(id, head, fields, endStream);
  }

  #accept(id: number, head: RequestHead, fields: RequestFields, last: boolean): void {
    const stream = new Http2ServerStream(this.#connection, id, this, this.#owner.clock.now());
    stream.remoteDone = last;
    stream.upgraded = head.upgrade !== '';
    stream.wire?.receivedBlock(this.#connection.blockFrames, requestBytes(head));
    this.#connection.add(stream);
    if (!last) {
      stream.expect(fields.contentLength);
      this.#watchRequest(stream);
      if (fields.expectContinue) stream.inform({ status: 100, headers: NO_FIELDS });
    }
    const handler = this.#acceptor.accept(stream, head, last);
    // The exchange may be over already, when it was answered on the spot.
    if (stream.closed) return;
    stream.handler = handler;
    this.#connection.touch(stream);
  }

  /** The stream counts as open and is answered; what is left of its head is read and ignored. */
  #refuseHead(id: number, fault: CodecFault): void {
    this.#headTimer = null;
    this.lastPeerStream = id;
    this.#opened += 1;
    const stream = new Http2ServerStream(this.#connection, id, this, this.#owner.clock.now());
    this.#connection.add(stream);
    this.#acceptor.refuse(stream, fault, 'HTTP/2');
  }

  #stopHeadTimer(): void {
    if (this.#headTimer === null) return;
    this.#owner.wheel.cancel(this.#headTimer);
    this.#headTimer = null;
  }

  #onTrailers(stream: Http2ServerStream, fields: RequestFields, endStream: boolean): void {
    if (stream.remoteDone) {
      this.#connection.fail(code.streamClosed, 'HEADERS after the end of the stream');
      return;
    }
    const trailers = fields.trailers();
    if (trailers !== null) stream.wire?.receivedBlock(this.#connection.blockFrames, fieldBytes(trailers));
    if (trailers === null || !endStream) {
      this.#connection.badMessage(stream, fields.wrong || 'trailers that do not end the stream');
    } else if (fields.tooLarge) {
      this.#owner.stats.header_overflow += 1;
      this.#connection.breakStream(stream, code.internalError);
    } else this.#connection.endRemote(stream, trailers.size === 0 ? null : trailers);
  }

  #onLateHeaders(id: number): void {
    const how = this.#connection.closedStreams.get(id);
    if (how === ending.resetByUs) return;
    if (how === ending.unknown) this.#connection.fail(code.protocolError, 'streams are opened in order');
    else this.#connection.fail(code.streamClosed, 'HEADERS on a closed stream');
  }

  #lastGoaway(): void {
    if (this.#lastServed !== LARGEST_STREAM || this.#connection.ended) return;
    this.#lastServed = this.lastPeerStream;
    this.#connection.goaway(this.#lastServed, code.noError);
    if (this.#connection.streams.size === 0) this.#connection.end();
  }

  #watchRequest(stream: Http2ServerStream): void {
    const limit = this.#options.requestTimeout;
    if (limit === 0) return;
    stream.timer = this.#owner.wheel.set(limit, () =>
      this.#connection.guard(() => stream.handler?.onFault(requestTimeout)),
    );
  }
}

const NO_FIELDS = new HeaderMap();
