// One accepted HTTP/1.1 connection. It is also its only stream: requests are handled one at a time, pipelined ones wait unread.
//
//   idle ─head─► active ─(request and response complete)─► idle
//     │             └─(response complete, closing)─► ended ─(peer closes, or the delayed close is over)─► destroyed
//     ├─(idle timeout, age)─► retired: as before, but answers say `connection: close` ─(drain time)─► ended
//     └─(drain)─► ended
import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import type { DepartureStats } from '../http/departure.ts';
import type { Downstream } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import { type Idler, IdleWatch } from '../http/idle-watch.ts';
import type { ResponseHead } from '../http/message.ts';
import type { CodecFault, ServerStream, ServerStreamHandler, StreamAcceptor } from '../http/stream.ts';
import type { WireBytes } from '../http/wire-bytes.ts';
import { closeDelayed } from '../socket/delayed-close.ts';
import { kept } from '../socket/reused-reads.ts';
import { Arrival } from './arrival.ts';
import { BodyDecoder, type BodySink } from './body-decoder.ts';
import { fault } from './faults.ts';
import { HeadReader } from './head-reader.ts';
import { BAD_CHARACTER, MORE, TOO_LARGE } from './head-scanner.ts';
import type { ServerConnectionOptions } from './options.ts';
import { Output } from './output.ts';
import { type ParsedRequest, RequestParser } from './request-parser.ts';
import { UNTIL_CLOSE } from './response-parser.ts';
import { type Framing, interimHead, responseHead } from './serializer.ts';
import { spelled } from './spelled-head.ts';
import { newMeter, type WireMeter } from './wire-meter.ts';

export type ServerConnectionOwner = {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly departures: DepartureStats;
  onClosed(): void;
  /** An exception while handling this connection; it has been destroyed. */
  onBug(error: unknown): void;
};

/** Empty lines tolerated before a request line (RFC 9112 section 2.2). */
const MAX_EMPTY_LINES = 4;

export class Http1ServerConnection implements ServerStream, BodySink, Idler {
  readonly downstream: Downstream;
  readonly #socket: Socket;
  readonly #acceptor: StreamAcceptor;
  readonly #options: ServerConnectionOptions;
  readonly #owner: ServerConnectionOwner;
  readonly #reader: HeadReader;
  readonly #parser: RequestParser;
  readonly #body: BodyDecoder;
  readonly #output: Output;
  readonly #idle: IdleWatch;
  readonly #arrival: Arrival;
  #handler: ServerStreamHandler | null = null;
  #active = false;
  #requestDone = true;
  #framing: Framing = 'none';
  #method = 'GET';
  #upgrade = '';
  #modern = true;
  /** The client has been asked to go: its answers say so, for the drain time. */
  #retired = false;
  #drainTimer: Timer | null = null;
  /** The answer in progress is the last one. */
  #closing = false;
  #ended = false;
  #inLoop = false;
  #emptyLines = 0;
  /** Bytes of the next request, kept while the socket is paused. */
  #early: Buffer | null = null;
  #meter: WireMeter | null = null;

  constructor(
    socket: Socket,
    downstream: Downstream,
    acceptor: StreamAcceptor,
    options: ServerConnectionOptions,
    owner: ServerConnectionOwner,
  ) {
    this.#socket = socket;
    this.downstream = downstream;
    this.#acceptor = acceptor;
    this.#options = options;
    this.#owner = owner;
    this.#reader = new HeadReader(options.maxHeadBytes);
    this.#parser = new RequestParser(options, downstream.tls !== null);
    this.#body = new BodyDecoder(this, options.maxHeaders);
    this.#output = new Output(socket);
    this.#idle = new IdleWatch(options.idleTimeout, this, owner);
    this.#arrival = new Arrival(
      options,
      owner.wheel,
      (late) => this.#guard(() => this.#refuse(late)),
      (late) => this.#guard(() => this.#breakOff(late)),
    );
    socket.on('data', (bytes: Buffer) => this.#guard(() => this.#receive(bytes)));
    socket.on('end', () => this.#guard(() => this.#peerEnded()));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#guard(() => this.#closed()));
    socket.on('drain', () => this.#guard(() => this.#handler?.onDrain()));
    // It comes paused from where its first bytes were looked at.
    socket.resume();
  }

  get wire(): WireBytes | null {
    return this.#meter?.wire ?? null;
  }

  get busy(): boolean {
    return this.#active || this.#reader.started;
  }

  get backedUp(): boolean {
    return this.#output.backedUp;
  }

  /** Closes after the exchange in progress, or now when there is none. */
  drain(): void {
    if (this.busy) this.#closing = true;
    else this.#end();
  }

  retire(): boolean {
    if (this.#retired || this.#ended) return false;
    this.#retired = true;
    this.#drainTimer = this.#owner.wheel.set(this.#options.drainTimeout, () => this.#guard(() => this.drain()));
    return true;
  }

  onIdle(): void {
    this.#owner.departures.downstream_cx_idle_timeout += 1;
    this.retire();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  inform(head: ResponseHead): void {
    if (!this.#modern) return;
    const text = spelled(interimHead(head), head.headers, this.#options.http1.spelling);
    this.#output.text(text);
    this.#meter?.saidHead(text);
    this.#output.flush();
  }

  respond(head: ResponseHead, last: boolean): void {
    // What is left of the request would have to be read to the end before the next one: not worth waiting for.
    if (!this.#requestDone) this.#closing = true;
    const { text: plain, framing } = responseHead(head, {
      last,
      requestMethod: this.#method,
      modern: this.#modern,
      close: this.#closing || this.#retired,
      upgrade: this.#upgrade,
    });
    const text = spelled(plain, head.headers, this.#options.http1.spelling);
    this.#framing = framing;
    if (framing === 'until-close') this.#closing = true;
    this.#output.begin(text, framing);
    this.#meter?.saidHead(text);
    if (last) this.finish(null);
  }

  write(chunk: Buffer): void {
    this.#output.body(chunk);
    this.#meter?.said();
  }

  finish(trailers: HeaderMap | null): void {
    this.#output.finish(trailers);
    this.#meter?.said();
    this.#complete();
  }

  flush(): void {
    this.#output.flush();
  }

  reset(): void {
    this.#active = false;
    this.#handler = null;
    this.#output.flushNow();
    this.#ended = true;
    // A close would look like the regular end of a close-delimited body.
    if (this.#framing === 'until-close') this.#socket.resetAndDestroy();
    else this.#socket.destroySoon();
  }

  closeAfter(): void {
    this.#closing = true;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (this.#early === null) this.#socket.resume();
  }

  /** A request's body may wait for its upstream, and is kept for another try. */
  onBody(chunk: Buffer): void {
    this.#handler?.onData(kept(chunk));
  }

  #receive(bytes: Buffer): void {
    if (!this.#ended) this.#loop(bytes, 0);
  }

  #loop(bytes: Buffer, position: number): void {
    this.#inLoop = true;
    let at = position;
    while (at < bytes.length && !this.#ended) {
      if (!this.#active) at = this.#readHead(bytes, at);
      else if (!this.#requestDone) at = this.#readBody(bytes, at);
      else {
        this.#early = kept(bytes).subarray(at);
        this.#socket.pause();
        break;
      }
    }
    this.#inLoop = false;
    this.#handler?.onReadDone();
  }

  /** Like Envoy, a half-closed connection is a closed one, but in a tunnel the other way may go on. */
  #peerEnded(): void {
    const handler = this.#handler;
    if (handler === null || this.#requestDone || !this.#body.untilClose) {
      this.#socket.destroy();
      return;
    }
    this.#requestDone = true;
    handler.onEnd(null);
    handler.onReadDone();
  }

  #readHead(bytes: Buffer, at: number): number {
    const end = this.#reader.read(bytes, at);
    if (end === MORE) {
      if (this.#reader.started) this.#arrival.watchHead();
      return bytes.length;
    }
    if (end < 0) {
      this.#meter = newMeter(this.#output, null);
      this.#refuse(end === TOO_LARGE ? fault.headTooLarge : end === BAD_CHARACTER ? fault.characters : fault.codec);
      return bytes.length;
    }
    if (this.#reader.text === '') {
      if (++this.#emptyLines > MAX_EMPTY_LINES) this.#refuse(fault.codec);
      return end;
    }
    this.#emptyLines = 0;
    const parsed = this.#parser.parse(this.#reader.text);
    this.#meter = newMeter(this.#output, this.#reader.text);
    if ('status' in parsed) this.#refuse(parsed);
    else this.#accept(parsed);
    return end;
  }

  #accept(request: ParsedRequest): void {
    const last = request.bodyLength === 0;
    this.#active = true;
    this.#requestDone = last;
    this.#method = request.head.method;
    this.#upgrade = request.head.upgrade;
    this.#modern = request.head.protocol !== 'HTTP/1.0';
    this.#framing = 'none';
    if (!request.keepAlive) this.#closing = true;
    if (last) this.#arrival.stop();
    else {
      if (request.bodyLength !== UNTIL_CLOSE) this.#arrival.watchBody();
      this.#body.start(request.bodyLength);
      if (request.expectContinue) this.#output.text('HTTP/1.1 100 Continue\r\n\r\n');
      this.#output.flush();
    }
    const handler = this.#acceptor.accept(this, request.head, last);
    // The exchange may be over already, when it was answered on the spot.
    if (this.#active) this.#handler = handler;
  }

  #readBody(bytes: Buffer, position: number): number {
    const meter = this.#meter;
    const at = this.#body.feed(bytes, position);
    meter?.readBody(at - position);
    if (this.#body.broken) {
      this.#breakOff(fault.codec);
      return bytes.length;
    }
    if (this.#body.done && this.#active) {
      this.#requestDone = true;
      this.#arrival.stop();
      this.#handler?.onEnd(this.#body.trailers);
    }
    return at;
  }

  /** A fault in the middle of a request that has a handler. */
  #breakOff(wrong: CodecFault): void {
    const handler = this.#handler;
    this.#closing = true;
    if (handler === null) this.#end();
    else handler.onFault(wrong);
    this.#ended = true;
  }

  /** A fault where no request can be made of the input. */
  #refuse(wrong: CodecFault): void {
    this.#active = true;
    this.#requestDone = true;
    this.#closing = true;
    this.#method = 'GET';
    this.#upgrade = '';
    this.#modern = true;
    this.#acceptor.refuse(this, wrong, 'HTTP/1.1');
  }

  #complete(): void {
    this.#active = false;
    this.#handler = null;
    if (this.#closing) {
      this.#end();
      return;
    }
    this.#idle.since = this.#owner.clock.now();
    if (this.#early === null && this.#socket.isPaused()) this.#socket.resume();
    if (this.#early === null || this.#inLoop) return;
    const early = this.#early;
    this.#early = null;
    this.#loop(early, 0);
    if (this.#early === null) this.#socket.resume();
  }

  #end(): void {
    this.#ended = true;
    this.#early = null;
    this.#stopTimers();
    this.#output.flushNow();
    closeDelayed(this.#socket, this.#owner.wheel, this.#options.delayedCloseTimeout, () => {
      this.#owner.departures.downstream_cx_delayed_close_timeout += 1;
    });
  }

  #stopTimers(): void {
    this.#arrival.stop();
    this.#idle.stop();
    this.#owner.wheel.cancel(this.#drainTimer);
  }

  #closed(): void {
    this.#ended = true;
    this.#stopTimers();
    const handler = this.#handler;
    this.#active = false;
    this.#owner.onClosed();
    handler?.onAbort('disconnect');
    this.#handler = null;
  }

  /** The boundary of exceptions: a bug costs the exchange it happened in and, as nobody knows where its reader stands, the connection. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#inLoop = false;
      this.#closing = true;
      if (this.#handler === null) this.#fail(error);
      else this.#endExchange(this.#handler, error);
    }
  }

  #endExchange(handler: ServerStreamHandler, error: unknown): void {
    this.#handler = null;
    try {
      handler.onBug(error);
      this.#ended = true;
    } catch (again) {
      this.#fail(again);
    }
  }

  #fail(error: unknown): void {
    this.#socket.destroy();
    this.#owner.onBug(error);
  }
}
