// One HTTP/2 connection, the part that client and server share: frames in and out, settings, flow control of the connection, pings, GOAWAY.
//
//   open ─(GOAWAY either way)─► draining ─(last stream ends)─► ended ─(peer closes, or the delayed close is over)─► closed
//     └─(connection error)─► GOAWAY ─► ended
import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import type { TimerWheel } from '../../lib/timer-wheel.ts';
import type { HeaderMap } from '../http/headers.ts';
import { closeDelayed } from '../socket/delayed-close.ts';
import { takeViews } from '../socket/reused-reads.ts';
import { Budgets, type Flood } from './budgets.ts';
import { ClosedStreams, ending } from './closed-streams.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import type { Http2Stream } from './http2-stream.ts';
import { Inbound } from './inbound.ts';
import { Keepalive } from './keepalive.ts';
import type { Http2Options } from './options.ts';
import { Outbound } from './outbound.ts';
import { Http2Output } from './output.ts';
import { code, DEFAULT_WINDOW, flags, frame, LARGEST_WINDOW } from './protocol.ts';
import { ReceiveWindow } from './receive-window.ts';
import { encodeSettings, PeerSettings } from './settings.ts';
import type { Http2Stats } from './stats.ts';
import { StreamTable } from './stream-table.ts';

export type Http2Owner = {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: () => number;
  readonly stats: Http2Stats;
};

/** What a side (server or client) makes of what the connection reads. */
export type Http2Side = {
  readonly client: boolean;
  /** A whole header block, to be decoded whatever becomes of it: the tables of both sides must stay the same. */
  onHeaders(id: number, block: Buffer, start: number, end: number, endStream: boolean): void;
  /** A header block has begun that other frames go on with. */
  onBlock(id: number): void;
  /** A frame for a stream that is not open; `how` it ended if that is known. true: it may be. */
  onGoaway(lastStream: number, errorCode: number): void;
  onSettings(): void;
  /** The highest stream the peer has opened, or that we have. */
  readonly lastPeerStream: number;
  readonly lastOwnStream: number;
  onReadDone(): void;
  /** The last stream is gone. */
  onQuiet(): void;
  /** From here on it takes no stream; those that are open are about to be told. */
  onEnding(): void;
  /** Milliseconds an ended connection waits for the peer to close. */
  readonly delayedClose: number;
  onLateClose(): void;
  /** The socket is closed; `errorCode` when it was us who broke the connection off. */
  onClosed(errorCode: number): void;
  onBug(error: unknown): void;
};

export class Http2Connection {
  readonly options: Http2Options;
  readonly output: Http2Output;
  readonly encoder = new HpackEncoder();
  readonly decoder: HpackDecoder;
  readonly streams = new StreamTable();
  readonly closedStreams = new ClosedStreams();
  readonly budgets: Budgets;
  readonly outbound: Outbound;
  readonly peer = new PeerSettings();
  readonly owner: Http2Owner;
  readonly socket: Socket;
  /** Frames are being delivered. */
  reading = false;
  /** Length of the frames of the header block that is being delivered. */
  blockFrames = 0;
  readonly #side: Http2Side;
  readonly #inbound: Inbound;
  readonly #touched: Http2Stream[] = [];
  readonly receiveWindow: ReceiveWindow;
  #ended = false;
  #closed = false;
  #errorCode = 0;
  #keepalive: Keepalive | null = null;
  readonly #pongs: (() => void)[] = [];

  constructor(socket: Socket, options: Http2Options, maxHeadBytes: number, owner: Http2Owner, side: Http2Side) {
    this.socket = socket;
    takeViews(socket);
    this.options = options;
    this.owner = owner;
    this.#side = side;
    this.output = new Http2Output(socket);
    this.decoder = new HpackDecoder(options.hpackTableSize);
    this.budgets = new Budgets(options);
    this.outbound = new Outbound(this.output, this.encoder, this.budgets, owner.stats);
    this.#inbound = new Inbound(this, side, maxHeadBytes);
    this.receiveWindow = new ReceiveWindow(options.initialConnectionWindow);
    socket.on('end', () => this.destroy());
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.guard(() => this.#gone()));
    socket.on('drain', () => this.guard(() => this.#drained()));
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Sends our settings; the client's preface goes before them. */
  start(preface: Buffer | null): void {
    if (preface !== null) this.output.raw(preface);
    this.output.control(frame.settings, 0, 0, encodeSettings(this.options, this.#side.client));
    const more = this.options.initialConnectionWindow - DEFAULT_WINDOW;
    if (more > 0) this.output.number(frame.windowUpdate, 0, more);
    if (this.options.keepalive !== null) this.#keepalive = new Keepalive(this, this.options.keepalive);
  }

  receive(bytes: Buffer): void {
    if (this.#ended) return;
    this.#keepalive?.onBytes();
    this.reading = true;
    this.#inbound.read(bytes);
    this.reading = false;
    for (const stream of this.#touched) {
      stream.touched = false;
      stream.onReadDone();
    }
    this.#touched.length = 0;
    const flood = this.budgets.onOutput(this.output.frames, this.output.controlFrames);
    if (flood !== null) this.flooded(flood);
    this.#side.onReadDone();
  }

  touch(stream: Http2Stream): void {
    if (stream.touched) return;
    stream.touched = true;
    this.#touched.push(stream);
  }

  add(stream: Http2Stream): void {
    this.streams.add(stream);
    this.owner.stats.streams_active += 1;
  }

  /** Both sides of it are complete. */
  forget(stream: Http2Stream): void {
    this.#remove(stream, ending.complete);
  }

  resetStream(stream: Http2Stream, errorCode: number): void {
    if (stream.closed) return;
    this.#remove(stream, ending.resetByUs);
    this.resetId(stream.id, errorCode);
  }

  resetId(id: number, errorCode: number): void {
    this.owner.stats.tx_reset += 1;
    this.output.number(frame.rstStream, id, errorCode);
  }

  /** `length` received bytes have been dealt with: the peer may send as many again. A paused stream is not ready for more. */
  credit(stream: Http2Stream | null, length: number): void {
    if (stream !== null) {
      if (stream.paused) {
        stream.held += length;
        return;
      }
      const more = stream.remoteDone || stream.closed ? 0 : stream.receiveWindow.credit(length);
      if (more > 0) this.output.number(frame.windowUpdate, stream.id, more);
    }
    const more = this.receiveWindow.credit(length);
    if (more > 0) this.output.number(frame.windowUpdate, 0, more);
  }

  /** Sends PING and calls back when the peer has answered, which says that it has seen everything before. */
  ping(onPong: () => void): void {
    this.#pongs.push(onPong);
    this.output.control(frame.ping, 0, 0, PING);
  }

  goaway(lastStream: number, errorCode: number, details = ''): void {
    this.owner.stats.goaway_sent += 1;
    const payload = Buffer.alloc(8 + details.length);
    payload.writeUInt32BE(lastStream, 0);
    payload.writeUInt32BE(errorCode, 4);
    payload.write(details, 8, 'latin1');
    this.output.control(frame.goaway, 0, 0, payload);
  }

  /** A connection error (RFC 9113 section 5.4.1): the peer is told, every stream ends, nothing more is read. */
  fail(errorCode: number, details: string): void {
    if (this.#ended) return;
    this.#errorCode = errorCode;
    this.goaway(this.#side.lastPeerStream, errorCode, details);
    this.end();
  }

  flooded(counter: Flood): void {
    this.owner.stats[counter] += 1;
    // Whoever does not read gets no explanation.
    if (counter === 'outbound_flood' || counter === 'outbound_control_flood') {
      this.#errorCode = code.enhanceYourCalm;
      this.destroy();
    } else this.fail(code.enhanceYourCalm, counter);
  }

  /** Ends the connection after what has been written. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#inbound.stop();
    this.#side.onEnding();
    this.#abandonStreams();
    this.output.flushNow();
    closeDelayed(this.socket, this.owner.wheel, this.#side.delayedClose, () => this.#side.onLateClose());
  }

  destroy(): void {
    if (!this.#ended) {
      this.#ended = true;
      this.#inbound.stop();
      this.#side.onEnding();
    }
    this.socket.destroy();
  }

  /** The boundary of exceptions: a bug costs the connection it happened on, nothing else. */
  guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.destroy();
      this.#side.onBug(error);
    }
  }

  resetByPeer(stream: Http2Stream, errorCode: number): void {
    this.owner.stats.rx_reset += 1;
    this.#remove(stream, ending.resetByPeer);
    stream.onReset(errorCode, 'peer');
  }

  /** Lets go of a stream without a word; what still comes for it is ignored. */
  drop(stream: Http2Stream): void {
    this.#remove(stream, ending.resetByUs);
  }

  /** An error code, or 0. */
  applySettings(bytes: Buffer, start: number, end: number): number {
    const before = this.peer.initialWindow;
    const wrong = this.peer.apply(bytes, start, end, !this.#side.client);
    if (wrong !== 0) return wrong;
    if (this.peer.headerTableSize !== undefined) this.encoder.resize(this.peer.headerTableSize);
    const change = this.peer.initialWindow - before;
    for (const stream of this.streams.all()) {
      stream.sendWindow += change;
      if (stream.sendWindow > LARGEST_WINDOW) return code.flowControlError;
    }
    this.output.control(frame.settings, flags.ack, 0, EMPTY);
    this.#side.onSettings();
    if (change > 0) this.outbound.pump();
    return 0;
  }

  pong(): void {
    this.#pongs.shift()?.();
  }

  /** A request goes out. */
  onRequest(): void {
    this.#keepalive?.onRequest();
  }

  /** The peer has ended its side of the stream. */
  endRemote(stream: Http2Stream, trailers: HeaderMap | null): void {
    if (!stream.complete) {
      this.badMessage(stream, 'less content than announced');
      return;
    }
    stream.remoteDone = true;
    this.touch(stream);
    if (stream.localDone) this.forget(stream);
    stream.onEnd(trailers);
  }

  /** A malformed message (RFC 9113 section 8.1.1). Envoy ends the connection unless it is told otherwise. */
  badMessage(stream: Http2Stream | null, details: string, id = stream?.id ?? 0): void {
    this.owner.stats.rx_messaging_error += 1;
    if (!this.options.streamErrorOnInvalidMessage) this.fail(code.protocolError, details);
    else if (stream === null) this.resetId(id, code.protocolError);
    else this.breakStream(stream, code.protocolError);
  }

  /** A stream error: the peer is told, the handler too. */
  breakStream(stream: Http2Stream, errorCode: number): void {
    this.resetStream(stream, errorCode);
    stream.onReset(errorCode, 'fault');
  }

  #drained(): void {
    this.output.taken();
    this.outbound.pump();
  }

  #remove(stream: Http2Stream, how: number): void {
    if (!this.streams.delete(stream)) return;
    this.closedStreams.add(stream.id, how);
    this.owner.stats.streams_active -= 1;
    this.outbound.forget(stream);
    stream.release();
    if (stream.held > 0) this.credit(null, stream.held);
    if (this.streams.size === 0) this.#side.onQuiet();
  }

  #abandonStreams(): void {
    for (const stream of this.streams.all()) {
      this.#remove(stream, ending.unknown);
      stream.onReset(this.#errorCode, 'connection');
    }
  }

  #gone(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ended = true;
    this.#keepalive?.stop();
    this.#abandonStreams();
    this.#side.onClosed(this.#errorCode);
  }
}

const EMPTY = Buffer.alloc(0);
const PING = Buffer.from('tulle\0\0\0', 'latin1');
