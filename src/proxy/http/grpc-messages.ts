// Length-prefixed messages as gRPC frames them: one byte that says whether it is compressed, four of length, then the message.

const PREFIX = 5;

export function frameMessage(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX);
  return frame;
}

/** Puts messages together again from chunks cut anywhere. A long message is copied once, however many chunks it comes in. */
export class MessageReader {
  readonly #limit: number;
  readonly #onMessage: (message: Buffer) => void;
  /** The beginning of a message, prefix first, that is not whole yet. */
  #parts: Buffer[] = [];
  #held = 0;
  /** Bytes to have before there is something to do. */
  #wanted = PREFIX;

  /** `limit`: bytes of a message. */
  constructor(limit: number, onMessage: (message: Buffer) => void) {
    this.#limit = limit;
    this.#onMessage = onMessage;
  }

  /** What is wrong with the stream, or ''. Messages are valid until their call returns. */
  push(chunk: Buffer): string {
    if (this.#held + chunk.length < this.#wanted) {
      this.#hold(chunk);
      return '';
    }
    return this.#read(this.#held === 0 ? chunk : this.#take(chunk));
  }

  #read(bytes: Buffer): string {
    let at = 0;
    this.#wanted = PREFIX;
    while (bytes.length - at >= PREFIX) {
      if (bytes[at] !== 0) return 'a compressed message was not asked for';
      const length = bytes.readUInt32BE(at + 1);
      if (length > this.#limit) return `a message of ${length} bytes is over ${this.#limit}`;
      const end = at + PREFIX + length;
      if (end > bytes.length) {
        this.#wanted = PREFIX + length;
        break;
      }
      this.#onMessage(bytes.subarray(at + PREFIX, end));
      at = end;
    }
    if (at < bytes.length) this.#hold(bytes.subarray(at));
    return '';
  }

  #hold(chunk: Buffer): void {
    // A copy: what was read is only lent.
    this.#parts.push(Buffer.from(chunk));
    this.#held += chunk.length;
  }

  #take(chunk: Buffer): Buffer {
    const bytes = Buffer.concat([...this.#parts, chunk]);
    this.#parts = [];
    this.#held = 0;
    return bytes;
  }
}
