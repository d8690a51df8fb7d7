// A client of HTTP/2 that says exactly what a test wants, wrong things too, and notes everything it hears.
import { connect, type Socket } from 'node:net';
import { FrameReader, type FrameSink } from '../../src/proxy/http2/frame-reader.ts';
import { HpackDecoder } from '../../src/proxy/http2/hpack-decoder.ts';
import { code, FRAME_HEAD, flags, frame, PREFACE } from '../../src/proxy/http2/protocol.ts';
import { PATIENCE } from './wait-for.ts';
import { writeTogether } from './write-together.ts';

export type Heard = {
  /** `:status` of the final head, '' without one. */
  status: string;
  interim: string[];
  headers: [name: string, value: string][];
  body: string;
  trailers: [name: string, value: string][];
  /** Name of the code of RST_STREAM, null without one. */
  reset: string | null;
  ended: boolean;
  /** Length of its frames. */
  bytes: number;
};

export type Setting = readonly [id: number, value: number];

export type Field = readonly [name: string, value: string];

export class Http2Wire implements FrameSink, Disposable {
  readonly streams = new Map<number, Heard>();
  /** Name of the code of the last GOAWAY. */
  goaway: string | null = null;
  closed = false;
  readonly #socket: Socket;
  readonly #decoder = new HpackDecoder(4_096);
  readonly #reader = new FrameReader(this);
  #data: Heard | null = null;
  #dataEnds = false;
  #check: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.#reader.read(bytes);
      this.#check();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.closed = true;
      this.#check();
    });
  }

  static async open(port: number): Promise<Http2Wire> {
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const wire = new Http2Wire(socket);
    socket.write(Buffer.concat([PREFACE, frameOf(frame.settings, 0, 0)]));
    return wire;
  }

  /** A HEADERS frame, every field as a literal that nobody indexes. */
  headers(stream: number, fields: readonly Field[], end = true): void {
    this.send(frame.headers, flags.endHeaders | (end ? flags.endStream : 0), stream, literals(fields));
  }

  /** The beginning of a header block, which CONTINUATION frames would have to go on with. */
  openBlock(stream: number, fields: readonly Field[], end = true): void {
    this.send(frame.headers, end ? flags.endStream : 0, stream, literals(fields));
  }

  continueBlock(stream: number, fields: readonly Field[], last: boolean): void {
    this.send(frame.continuation, last ? flags.endHeaders : 0, stream, literals(fields));
  }

  data(stream: number, body: string, end = true): void {
    this.send(frame.data, end ? flags.endStream : 0, stream, Buffer.from(body, 'latin1'));
  }

  /** Frames of one turn of the event loop leave in one write. */
  send(type: number, flagBits: number, stream: number, payload: Buffer = Buffer.alloc(0)): void {
    writeTogether(this.#socket, frameOf(type, flagBits, stream, payload));
  }

  /** Reads nothing any more. */
  pause(): void {
    this.#socket.pause();
  }

  settings(settings: readonly Setting[]): void {
    this.send(frame.settings, 0, 0, settingsOf(settings));
  }

  window(stream: number, increment: number): void {
    this.send(frame.windowUpdate, 0, stream, uint32(increment));
  }

  /** Waits until the streams are over (ended, reset, or cut off by the end of the connection). */
  async settled(...ids: readonly number[]): Promise<void> {
    const over = (id: number) => this.closed || this.stream(id).ended || this.stream(id).reset !== null;
    await this.#until(() => ids.every(over));
  }

  async ended(): Promise<void> {
    await this.#until(() => this.closed);
  }

  stream(id: number): Heard {
    let heard = this.streams.get(id);
    if (heard === undefined) {
      heard = { status: '', interim: [], headers: [], body: '', trailers: [], reset: null, ended: false, bytes: 0 };
      this.streams.set(id, heard);
    }
    return heard;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  onFrame(type: number, flagBits: number, stream: number, bytes: Buffer, start: number, end: number): void {
    if (stream > 0) this.stream(stream).bytes += FRAME_HEAD + end - start;
    if (type === frame.headers) this.#onHeaders(this.stream(stream), bytes, start, end, flagBits);
    else if (type === frame.rstStream) this.stream(stream).reset = codeName(bytes.readUInt32BE(start));
    else if (type === frame.goaway) this.goaway = codeName(bytes.readUInt32BE(start + 4));
    else if (type === frame.settings && (flagBits & flags.ack) === 0) this.send(frame.settings, flags.ack, 0);
    else if (type === frame.ping && (flagBits & flags.ack) === 0)
      this.send(frame.ping, flags.ack, 0, bytes.subarray(start, end));
  }

  onDataHead(stream: number, length: number, _padding: number, flagBits: number): void {
    this.#data = this.stream(stream);
    this.#data.bytes += FRAME_HEAD + length;
    this.#dataEnds = (flagBits & flags.endStream) !== 0;
  }

  onDataBytes(bytes: Buffer, start: number, end: number): void {
    this.#data!.body += bytes.toString('latin1', start, end);
  }

  onDataEnd(): void {
    if (this.#dataEnds) this.#data!.ended = true;
  }

  onBadFrame(reason: string): void {
    throw new Error(`the proxy sent a frame of bad ${reason}`);
  }

  #onHeaders(heard: Heard, bytes: Buffer, start: number, end: number, flagBits: number): void {
    const fields: [string, string][] = [];
    const good = this.#decoder.decode(bytes, start, end, { onField: (name, value) => fields.push([name, value]) });
    if (!good) throw new Error('the proxy sent a header block that cannot be decoded');
    const status = fields[0]?.[0] === ':status' ? fields.shift()![1] : '';
    if (status.startsWith('1')) heard.interim.push(status);
    else if (status === '') heard.trailers = fields;
    else {
      heard.status = status;
      heard.headers = fields;
    }
    if ((flagBits & flags.endStream) !== 0) heard.ended = true;
  }

  #until(done: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`nothing more came: ${JSON.stringify([...this.streams])}`)),
        PATIENCE,
      );
      this.#check = () => {
        if (!done()) return;
        clearTimeout(timer);
        resolve();
      };
      this.#check();
    });
  }
}

/** Fields of an ordinary request. */
export function requestFields(method: string, path: string, ...more: readonly Field[]): Field[] {
  return [[':method', method], [':scheme', 'http'], [':path', path], [':authority', 'test.local'], ...more];
}

/** The payload of SETTINGS. */
export function settingsOf(settings: readonly Setting[]): Buffer {
  const payload = Buffer.alloc(6 * settings.length);
  settings.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, 6 * i);
    payload.writeUInt32BE(value, 6 * i + 2);
  });
  return payload;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function literals(fields: readonly Field[]): Buffer {
  const text = ([name, value]: Field) => [Buffer.from([0]), lengthed(name), lengthed(value)];
  return Buffer.concat(fields.flatMap(text));
}

function lengthed(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const groups = [127];
  let left = bytes.length - 127;
  for (; left >= 128; left >>= 7) groups.push((left & 127) | 128);
  return Buffer.concat([Buffer.from([...groups, left]), bytes]);
}

export function frameOf(type: number, flagBits: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(FRAME_HEAD);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flagBits;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function codeName(value: number): string {
  return Object.entries(code).find(([, number]) => number === value)?.[0] ?? String(value);
}
