// The first bytes of an accepted connection, looked at before anybody serves it: read off the socket, held, and put back in the end.
import type { Socket } from 'node:net';

export class FirstBytes {
  readonly #socket: Socket;
  #held: Buffer = EMPTY;
  #stop: (() => void) | null = null;

  /** `socket` is paused. */
  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /**
   * Calls `look` with everything that came so far, now if there is something and again with each arrival, until `stop` is called.
   * `gone`: the peer left first.
   */
  wait(look: (bytes: Buffer) => void, gone: () => void): void {
    let stopped = false;
    const socket = this.#socket;
    const read = () => {
      const bytes: Buffer | null = socket.read();
      if (bytes === null) return;
      this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
      look(this.#held);
    };
    const left = () => {
      this.stop();
      gone();
    };
    this.#stop = () => {
      stopped = true;
      this.#stop = null;
      socket.removeListener('readable', read);
      socket.removeListener('end', left);
      socket.removeListener('close', left);
      socket.removeListener('error', left);
      socket.pause();
    };
    if (this.#held.length > 0) look(this.#held);
    if (stopped) return;
    socket.on('readable', read);
    socket.once('end', left);
    socket.once('close', left);
    socket.once('error', left);
  }

  /** Nobody waits any more. */
  stop(): void {
    this.#stop?.();
  }

  /** Takes bytes that only a listener filter is to see. */
  consume(count: number): void {
    this.#held = this.#held.subarray(count);
  }

  /** The socket holds all its bytes again. */
  putBack(): void {
    this.stop();
    if (this.#held.length > 0) this.#socket.unshift(this.#held);
    this.#held = EMPTY;
  }
}

const EMPTY = Buffer.alloc(0);
