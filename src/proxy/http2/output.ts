// What a connection has to say, gathered in one block until the turn of the event loop that caused it is over: one write for all its streams.
//
//   block  [9 head][HEADERS…][9 head][DATA…][9 head][WINDOW_UPDATE]…
//                                ▲ `#last`: its END_STREAM flag may still be set
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { atTurnEnd, type TurnEndTask } from '../../lib/turn-end.ts';
import type { BlockTarget } from './hpack-encoder.ts';
import { FRAME_HEAD, flags, frame } from './protocol.ts';

/** What most turns have to say fits into the small block; the large one takes the hold limit and a frame more. */
const SMALL = 16_384;
const LARGE = 131_072;
/** More than this does not wait for the end of the turn. */
const HOLD_LIMIT = 65_536;
/** Written blocks that are kept for the next connection that has something to say: without them, memory outside the heap grows until a collection. */
const spares = { small: [] as Buffer[], large: [] as Buffer[] };
const SPARE_LIMITS = { small: 32, large: 8 };
const NOTHING = Buffer.alloc(0);

export class Http2Output implements TurnEndTask, BlockTarget {
  readonly gathers = true;
  bytes: Buffer = NOTHING;
  at = 0;
  /** Frames that the socket has not taken yet; of them PING, SETTINGS and RST_STREAM. */
  frames = 0;
  controlFrames = 0;
  #awaitsTurnEnd = false;
  #frameStart = 0;
  #last = -1;
  #lastStream = -1;
  readonly #socket: Socket;
  /** Blocks that the socket may still read from, and the frames in them and before. */
  readonly #written: Buffer[] = [];
  #writtenFrames = 0;
  #writtenControlFrames = 0;
  readonly #secure: boolean;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#secure = socket instanceof TLSSocket;
  }

  /** The socket holds more than it can send: bodies wait. */
  get congested(): boolean {
    return this.#socket.writableNeedDrain;
  }

  reserve(room: number): void {
    if (this.at + room > this.bytes.length) this.#grow(room);
  }

  /** The payload is written into `bytes` at `at` next, then `endFrame`. */
  beginFrame(type: number, flagBits: number, stream: number, room: number): void {
    if (this.at > HOLD_LIMIT) this.flushNow();
    this.reserve(FRAME_HEAD + room);
    this.#frameStart = this.at;
    this.#writeHead(this.at, 0, type, flagBits, stream);
    this.at += FRAME_HEAD;
    this.frames += 1;
    if (this.#awaitsTurnEnd) return;
    this.#awaitsTurnEnd = true;
    atTurnEnd(this);
  }

  endFrame(): void {
    const length = this.at - this.#frameStart - FRAME_HEAD;
    this.bytes[this.#frameStart] = length >>> 16;
    this.bytes[this.#frameStart + 1] = length >>> 8;
    this.bytes[this.#frameStart + 2] = length;
  }

  /** Ends a HEADERS frame; what exceeds the frame size moves into CONTINUATION frames (RFC 9113 section 6.10). Returns how long they are together. */
  endHeaders(stream: number, frameSize: number): number {
    this.#remember(stream);
    const start = this.#frameStart;
    let length = this.at - start - FRAME_HEAD;
    if (length <= frameSize) {
      this.endFrame();
      return this.at - start;
    }
    this.bytes[this.#frameStart + 4]! &= ~flags.endHeaders;
    while (length > frameSize) {
      const end = this.#frameStart + FRAME_HEAD + frameSize;
      length -= frameSize;
      this.reserve(FRAME_HEAD);
      this.bytes.copyWithin(end + FRAME_HEAD, end, this.at);
      const after = this.at + FRAME_HEAD;
      this.at = end;
      this.endFrame();
      this.at = after;
      this.#writeHead(end, 0, frame.continuation, length <= frameSize ? flags.endHeaders : 0, stream);
      this.#frameStart = end;
      this.frames += 1;
    }
    this.endFrame();
    return this.at - start;
  }

  data(stream: number, chunk: Buffer, from: number, to: number, last: boolean): void {
    const length = to - from;
    this.beginFrame(frame.data, last ? flags.endStream : 0, stream, length);
    this.#remember(stream);
    chunk.copy(this.bytes, this.at, from, to);
    this.at += length;
    this.endFrame();
  }

  /** Sets END_STREAM on the stream's last frame when it is still here and the last one written; false: another frame must carry it. */
  endLast(stream: number): boolean {
    if (this.#last === -1 || this.#lastStream !== stream) return false;
    this.bytes[this.#last + 4]! |= flags.endStream;
    this.#last = -1;
    return true;
  }

  control(type: number, flagBits: number, stream: number, payload: Buffer): void {
    this.beginFrame(type, flagBits, stream, payload.length);
    payload.copy(this.bytes, this.at);
    this.at += payload.length;
    this.endFrame();
    if (type === frame.ping || type === frame.settings || type === frame.rstStream) this.controlFrames += 1;
  }

  /** A frame of one number: RST_STREAM, WINDOW_UPDATE. */
  number(type: number, stream: number, value: number): void {
    this.beginFrame(type, 0, stream, 4);
    this.at = this.bytes.writeUInt32BE(value, this.at);
    this.endFrame();
    if (type === frame.rstStream) this.controlFrames += 1;
  }

  raw(bytes: Buffer): void {
    this.reserve(bytes.length);
    bytes.copy(this.bytes, this.at);
    this.at += bytes.length;
  }

  flushNow(): void {
    if (this.at === 0) return;
    const { bytes, at } = this;
    this.bytes = NOTHING;
    this.at = 0;
    this.#last = -1;
    const view = bytes.subarray(0, at);
    if (this.#secure) {
      const { frames, controlFrames } = this;
      this.#socket.write(view, () => {
        release(bytes);
        this.#discount(frames, controlFrames);
      });
      return;
    }
    // A plain socket is done with what was written when it holds nothing any more.
    if (this.#socket.writableLength === 0) this.#reclaim();
    this.#written.push(bytes);
    this.#writtenFrames = this.frames;
    this.#writtenControlFrames = this.controlFrames;
    this.#socket.write(view);
    if (this.#socket.writableLength === 0) this.#reclaim();
  }

  /** The socket has taken everything that was written. */
  taken(): void {
    if (!this.#secure) this.#reclaim();
  }

  #reclaim(): void {
    for (const block of this.#written) release(block);
    this.#written.length = 0;
    this.#discount(this.#writtenFrames, this.#writtenControlFrames);
    this.#writtenFrames = 0;
    this.#writtenControlFrames = 0;
  }

  /** What was written before is taken too; what came since is not. */
  #discount(frames: number, controlFrames: number): void {
    this.frames = Math.max(0, this.frames - frames);
    this.controlFrames = Math.max(0, this.controlFrames - controlFrames);
  }

  onTurnEnd(): void {
    this.#awaitsTurnEnd = false;
    if (this.#socket.destroyed) this.at = 0;
    else this.flushNow();
  }

  #remember(stream: number): void {
    this.#last = this.#frameStart;
    this.#lastStream = stream;
  }

  #writeHead(at: number, length: number, type: number, flagBits: number, stream: number): void {
    const { bytes } = this;
    bytes[at] = length >>> 16;
    bytes[at + 1] = length >>> 8;
    bytes[at + 2] = length;
    bytes[at + 3] = type;
    bytes[at + 4] = flagBits;
    bytes[at + 5] = stream >>> 24;
    bytes[at + 6] = stream >>> 16;
    bytes[at + 7] = stream >>> 8;
    bytes[at + 8] = stream;
  }

  #grow(room: number): void {
    const needed = this.at + room;
    const before = this.bytes;
    this.bytes = blockFor(needed);
    if (this.at > 0) before.copy(this.bytes, 0, 0, this.at);
    release(before);
  }
}

function blockFor(needed: number): Buffer {
  if (needed <= SMALL) return spares.small.pop() ?? Buffer.allocUnsafeSlow(SMALL);
  if (needed <= LARGE) return spares.large.pop() ?? Buffer.allocUnsafeSlow(LARGE);
  return Buffer.allocUnsafeSlow(needed * 2);
}

function release(block: Buffer): void {
  const size = block.length === SMALL ? 'small' : 'large';
  if (block.length !== SMALL && block.length !== LARGE) return;
  if (spares[size].length < SPARE_LIMITS[size]) spares[size].push(block);
}
