// Length-prefixed messages as gRPC frames them: one byte that says whether it is compressed, four of length, then the message.

const PREFIX = 5;

export function frameMessage(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX);
  return frame;
}

/** Puts messages together again from chunks cut anywhere. */
export class MessageReader {
  readonly #limit: number;
  readonly #onMessage: (message: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);

  /** `limit`: bytes of a message. */
  constructor(limit: number, onMessage: (message: Buffer) => void) {
    this.#limit = limit;
    this.#onMessage = onMessage;
  }

  /** What is wrong with the stream, or ''. Messages are valid until their call returns. */
  push(chunk: Buffer): string {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= PREFIX) {
      if (bytes[at] !== 0) return 'a compressed message was not asked for';
      const length = bytes.readUInt32BE(at + 1);
      if (length > this.#limit) return `a message of ${length} bytes is over ${this.#limit}`;
      const end = at + PREFIX + length;
      if (end > bytes.length) break;
      this.#onMessage(bytes.subarray(at + PREFIX, end));
      at = end;
    }
    this.#rest = at === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at));
    return '';
  }
}
