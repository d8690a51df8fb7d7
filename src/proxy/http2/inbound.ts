// What a connection's frames mean, by the rules of RFC 9113 section 6, and what is refused of them.
import type { Flood } from './budgets.ts';
import { ending } from './closed-streams.ts';
import type { Http2Connection, Http2Side } from './connection.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import { HeaderBlock } from './header-block.ts';
import type { Http2Stream } from './http2-stream.ts';
import { code, FRAME_HEAD, flags, frame, LARGEST_WINDOW } from './protocol.ts';

export class Inbound implements FrameSink {
  readonly #connection: Http2Connection;
  readonly #side: Http2Side;
  readonly #reader: FrameReader;
  readonly #block: HeaderBlock;
  #sawSettings = false;
  #dataStream: Http2Stream | null = null;
  #dataEnds = false;

  constructor(connection: Http2Connection, side: Http2Side, maxHeadBytes: number) {
    this.#connection = connection;
    this.#side = side;
    this.#reader = new FrameReader(this);
    this.#block = new HeaderBlock(maxHeadBytes);
  }

  read(bytes: Buffer): void {
    this.#reader.read(bytes);
  }

  stop(): void {
    this.#reader.stop();
  }

  onFrame(type: number, flagBits: number, stream: number, bytes: Buffer, start: number, end: number): void {
    if (this.#block.stream !== 0 && (type !== frame.continuation || stream !== this.#block.stream))
      this.#refuse(wrong(code.protocolError, 'a header block was interrupted'));
    else if (!this.#sawSettings && type !== frame.settings)
      this.#refuse(wrong(code.protocolError, 'SETTINGS must come first'));
    else this.#refuse(this.#dispatch(type, flagBits, stream, bytes, start, end));
  }

  onDataHead(id: number, length: number, padding: number, flagBits: number): void {
    this.#dataStream = null;
    this.#refuse(this.#takeData(id, length, padding, (flagBits & flags.endStream) !== 0));
  }

  onDataBytes(bytes: Buffer, start: number, end: number): void {
    const stream = this.#dataStream;
    if (stream === null || stream.closed) return;
    this.#connection.touch(stream);
    stream.onData(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
    this.#connection.credit(stream, end - start);
  }

  onDataEnd(): void {
    const stream = this.#dataStream;
    this.#dataStream = null;
    if (stream !== null && this.#dataEnds && !stream.closed) this.#connection.endRemote(stream, null);
  }

  onBadFrame(reason: 'size' | 'padding'): void {
    if (reason === 'size') this.#refuse(wrong(code.frameSizeError, 'a frame is too large'));
    else this.#refuse(wrong(code.protocolError, 'padding is longer than its frame'));
  }

  #dispatch(type: number, flagBits: number, stream: number, bytes: Buffer, start: number, end: number): Wrong | null {
    switch (type) {
      case frame.headers:
        return this.#onHeaders(flagBits, stream, bytes, start, end);
      case frame.priority:
        return this.#onPriority(stream, bytes, start, end);
      case frame.rstStream:
        return this.#onReset(stream, bytes, start, end);
      case frame.settings:
        return this.#onSettings(flagBits, stream, bytes, start, end);
      case frame.pushPromise:
        return wrong(code.protocolError, 'PUSH_PROMISE was not asked for');
      case frame.ping:
        return this.#onPing(flagBits, stream, bytes, start, end);
      case frame.goaway:
        if (stream !== 0) return wrong(code.protocolError, 'GOAWAY on a stream');
        if (end - start < 8) return wrong(code.frameSizeError, 'GOAWAY is too short');
        this.#side.onGoaway(bytes.readUInt32BE(start) & LARGEST_WINDOW, bytes.readUInt32BE(start + 4));
        return null;
      case frame.windowUpdate:
        return this.#onWindowUpdate(stream, bytes, start, end);
      case frame.continuation:
        return this.#onContinuation(flagBits, stream, bytes, start, end);
      default:
        // Unknown types are ignored (section 5.5).
        return null;
    }
  }

  #takeData(id: number, length: number, padding: number, endStream: boolean): Wrong | null {
    if (this.#block.stream !== 0) return wrong(code.protocolError, 'a header block was interrupted');
    if (id === 0 || this.#isIdle(id)) return wrong(code.protocolError, 'DATA on a stream that is not open');
    const connection = this.#connection;
    const flood = connection.budgets.onContent(length - padding, endStream);
    if (flood !== null) return flooding(flood);
    if (!connection.receiveWindow.take(length)) return wrong(code.flowControlError, 'the window is exceeded');
    const stream = connection.streams.get(id);
    if (stream !== undefined && this.#takesData(stream, length, length - padding)) {
      this.#dataStream = stream;
      this.#dataEnds = endStream;
      if (stream.wire !== null) stream.wire.received += FRAME_HEAD + length;
      if (padding > 0) connection.credit(stream, padding);
      return null;
    }
    connection.credit(null, length);
    // A stream that has ended (section 5.1); what crossed with our reset is ignored.
    if (stream === undefined && connection.closedStreams.get(id) !== ending.resetByUs)
      connection.resetId(id, code.streamClosed);
    return null;
  }

  #takesData(stream: Http2Stream, length: number, content: number): boolean {
    if (stream.remoteDone) this.#connection.breakStream(stream, code.streamClosed);
    else if (!stream.receiveWindow.take(length)) this.#connection.breakStream(stream, code.flowControlError);
    else if (!stream.receive(content)) this.#connection.badMessage(stream, 'content that was not announced');
    return !stream.closed;
  }

  #onHeaders(flagBits: number, stream: number, bytes: Buffer, start: number, end: number): Wrong | null {
    if (stream === 0) return wrong(code.protocolError, 'HEADERS on stream 0');
    let from = start;
    let to = end;
    if ((flagBits & flags.padded) !== 0) {
      if (from === to) return wrong(code.frameSizeError, 'HEADERS without its padding length');
      to -= bytes[from++]!;
    }
    if ((flagBits & flags.priority) !== 0) {
      if (to - from >= 5 && (bytes.readUInt32BE(from) & LARGEST_WINDOW) === stream)
        return wrong(code.protocolError, 'a stream depends on itself');
      from += 5;
    }
    if (from > to) return wrong(code.protocolError, 'padding is longer than its frame');
    this.#connection.blockFrames = FRAME_HEAD + end - start;
    const endStream = (flagBits & flags.endStream) !== 0;
    const flood = this.#connection.budgets.onContent(to - from, endStream);
    if (flood !== null) return flooding(flood);
    if ((flagBits & flags.endHeaders) !== 0) this.#side.onHeaders(stream, bytes, from, to, endStream);
    else {
      this.#block.begin(stream, endStream);
      this.#side.onBlock(stream);
      this.#connection.budgets.onContinuation(true);
      this.#block.add(bytes, from, to);
    }
    return null;
  }

  #onContinuation(flagBits: number, stream: number, bytes: Buffer, start: number, end: number): Wrong | null {
    if (this.#block.stream === 0) return wrong(code.protocolError, 'CONTINUATION without HEADERS');
    this.#connection.blockFrames += FRAME_HEAD + end - start;
    const last = (flagBits & flags.endHeaders) !== 0;
    const flood = this.#connection.budgets.onContent(end - start, last);
    if (flood !== null) return flooding(flood);
    if (!this.#connection.budgets.onContinuation(false) || !this.#block.add(bytes, start, end))
      return wrong(code.enhanceYourCalm, 'a header block is too large');
    if (!last) return null;
    const { endStream } = this.#block;
    const block = this.#block.take();
    this.#side.onHeaders(stream, block, 0, block.length, endStream);
    return null;
  }

  #onPriority(stream: number, bytes: Buffer, start: number, end: number): Wrong | null {
    if (stream === 0) return wrong(code.protocolError, 'PRIORITY on stream 0');
    const flood = this.#connection.budgets.onPriority();
    if (flood !== null) return flooding(flood);
    if (end - start !== 5) this.#streamError(stream, code.frameSizeError);
    else if ((bytes.readUInt32BE(start) & LARGEST_WINDOW) === stream) this.#streamError(stream, code.protocolError);
    return null;
  }

  #onReset(id: number, bytes: Buffer, start: number, end: number): Wrong | null {
    if (end - start !== 4) return wrong(code.frameSizeError, 'RST_STREAM has four bytes');
    if (id === 0 || this.#isIdle(id)) return wrong(code.protocolError, 'RST_STREAM on a stream that is not open');
    const stream = this.#connection.streams.get(id);
    if (stream === undefined) return null;
    this.#connection.resetByPeer(stream, bytes.readUInt32BE(start));
    return null;
  }

  #onSettings(flagBits: number, stream: number, bytes: Buffer, start: number, end: number): Wrong | null {
    if (stream !== 0) return wrong(code.protocolError, 'SETTINGS on a stream');
    const ack = (flagBits & flags.ack) !== 0;
    if ((end - start) % 6 !== 0 || (ack && end > start)) return wrong(code.frameSizeError, 'SETTINGS of a wrong size');
    this.#sawSettings = true;
    if (ack) return null;
    const errorCode = this.#connection.applySettings(bytes, start, end);
    return errorCode === 0 ? null : wrong(errorCode, 'a setting has an impossible value');
  }

  #onPing(flagBits: number, stream: number, bytes: Buffer, start: number, end: number): Wrong | null {
    if (stream !== 0) return wrong(code.protocolError, 'PING on a stream');
    if (end - start !== 8) return wrong(code.frameSizeError, 'PING has eight bytes');
    if ((flagBits & flags.ack) === 0)
      this.#connection.output.control(frame.ping, flags.ack, 0, bytes.subarray(start, end));
    else this.#connection.pong();
    return null;
  }

  #onWindowUpdate(id: number, bytes: Buffer, start: number, end: number): Wrong | null {
    if (end - start !== 4) return wrong(code.frameSizeError, 'WINDOW_UPDATE has four bytes');
    if (this.#isIdle(id)) return wrong(code.protocolError, 'WINDOW_UPDATE on a stream that is not open');
    const flood = this.#connection.budgets.onWindowUpdate();
    if (flood !== null) return flooding(flood);
    const increment = bytes.readUInt32BE(start) & LARGEST_WINDOW;
    if (id > 0) {
      this.#openStreamWindow(id, increment);
      return null;
    }
    if (increment === 0) return wrong(code.protocolError, 'WINDOW_UPDATE of nothing');
    return this.#connection.outbound.openWindow(increment)
      ? null
      : wrong(code.flowControlError, 'the window is too large');
  }

  #openStreamWindow(id: number, increment: number): void {
    const stream = this.#connection.streams.get(id);
    if (stream === undefined) return;
    stream.sendWindow += increment;
    if (increment === 0) this.#connection.breakStream(stream, code.protocolError);
    else if (stream.sendWindow > LARGEST_WINDOW) this.#connection.breakStream(stream, code.flowControlError);
    else this.#connection.outbound.pump();
  }

  #isIdle(id: number): boolean {
    const ours = (id & 1) === (this.#side.client ? 1 : 0);
    return id > (ours ? this.#side.lastOwnStream : this.#side.lastPeerStream);
  }

  #streamError(id: number, errorCode: number): void {
    const stream = this.#connection.streams.get(id);
    if (stream === undefined) this.#connection.resetId(id, errorCode);
    else this.#connection.breakStream(stream, errorCode);
  }

  #refuse(what: Wrong | null): void {
    if (what === null) return;
    if (what.flood !== null) this.#connection.flooded(what.flood);
    else this.#connection.fail(what.code, what.details);
  }
}

/** Why the connection cannot go on. */
type Wrong = { readonly code: number; readonly details: string; readonly flood: Flood | null };

function wrong(errorCode: number, details: string): Wrong {
  return { code: errorCode, details, flood: null };
}

function flooding(flood: Flood): Wrong {
  return { code: code.enhanceYourCalm, details: flood, flood };
}
