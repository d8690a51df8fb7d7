// Pulls lines and counted bytes off a socket; what raw clients and scripted upstreams parse HTTP/1 with.
import type { Socket } from 'node:net';

/** The peer ended the stream before the bytes asked for. */
export class StreamEnded extends Error {
  readonly reset: boolean;
  constructor(reset: boolean, partial: number) {
    super(`stream ${reset ? 'reset' : 'ended'} with ${partial} bytes of an unfinished message`);
    this.reset = reset;
  }
}

export class ByteReader {
  #bytes = Buffer.alloc(0);
  #end: 'open' | 'ended' | 'reset' = 'open';
  #wake: (() => void) | null = null;

  constructor(socket: Socket) {
    socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#notify();
    });
    socket.on('end', () => this.#finish('ended'));
    socket.on('error', () => this.#finish('reset'));
    socket.on('close', () => this.#finish('ended'));
  }

  get buffered(): number {
    return this.#bytes.length;
  }

  /** Without its CRLF. */
  async line(): Promise<string> {
    for (;;) {
      const at = this.#bytes.indexOf('\r\n');
      if (at >= 0) {
        const text = this.#bytes.toString('latin1', 0, at);
        this.#bytes = this.#bytes.subarray(at + 2);
        return text;
      }
      await this.#more();
    }
  }

  async take(count: number): Promise<string> {
    while (this.#bytes.length < count) await this.#more();
    const text = this.#bytes.toString('latin1', 0, count);
    this.#bytes = this.#bytes.subarray(count);
    return text;
  }

  /** Everything to the end of the stream. Throws when that is a reset. */
  async rest(): Promise<string> {
    while (this.#end === 'open') await this.#wait();
    if (this.#end === 'reset') throw new StreamEnded(true, this.#bytes.length);
    return this.take(this.#bytes.length);
  }

  /** Resolves when the peer has closed: how, and the bytes nobody read. */
  async ended(): Promise<{ how: 'ended' | 'reset'; unread: string }> {
    while (this.#end === 'open') await this.#wait();
    return { how: this.#end, unread: this.#bytes.toString('latin1') };
  }

  async #more(): Promise<void> {
    if (this.#end !== 'open') throw new StreamEnded(this.#end === 'reset', this.#bytes.length);
    await this.#wait();
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#wake;
      this.#wake = () => {
        before?.();
        resolve();
      };
    });
  }

  #finish(how: 'ended' | 'reset'): void {
    if (this.#end === 'open') this.#end = how;
    this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
