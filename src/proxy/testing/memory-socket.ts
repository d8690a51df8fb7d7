// A socket without a network: a test feeds it exact pieces and reads what was written.
import { Socket } from 'node:net';
import { endTurn } from '../../lib/turn-end.ts';

export class MemorySocket extends Socket {
  #written = '';
  #waiting: Buffer[] = [];

  /** Everything up to now; to look is to end the turn. */
  get written(): string {
    endTurn();
    return this.#written;
  }

  /** Delivers bytes as one read, or holds them while the socket is paused. */
  feed(bytes: Buffer | string): void {
    const piece = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    if (this.destroyed) return;
    if (this.isPaused()) this.#waiting.push(piece);
    else this.emit('data', piece);
  }

  override resume(): this {
    super.resume();
    while (!this.isPaused() && this.#waiting.length > 0) this.emit('data', this.#waiting.shift());
    return this;
  }

  override _write(chunk: Buffer | string, _encoding: string, done: () => void): void {
    this.#written += typeof chunk === 'string' ? chunk : chunk.toString('latin1');
    done();
  }

  override _writev(chunks: readonly { chunk: Buffer | string }[], done: () => void): void {
    for (const { chunk } of chunks) this._write(chunk, '', () => undefined);
    done();
  }

  override _final(done: () => void): void {
    done();
  }

  override _read(): void {
    // Bytes come from `feed` only.
  }
}
