// Where log lines go: buffered, written in the background, and bounded: when the file lags behind, lines are dropped and counted.
import { open, write } from 'node:fs';

export type LogSink = {
  write(line: string): void;
  /** Lines lost so far. */
  readonly dropped: number;
};

const FLUSH_BYTES = 16 * 1024;
const FLUSH_MILLIS = 1_000;
const MAXIMUM_BYTES = 1024 * 1024;

const sinks = new Map<string, LogSink>();

/** One sink per path, however many logs name it. */
export function logSink(path: string): LogSink {
  let sink = sinks.get(path);
  if (sink === undefined) {
    sink = new FileSink(path);
    sinks.set(path, sink);
  }
  return sink;
}

/** lines → #waiting (bounded) → one write at a time → file */
class FileSink implements LogSink {
  dropped = 0;
  readonly #path: string;
  #descriptor: number | null = null;
  #waiting = '';
  #writing = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  write(line: string): void {
    if (this.#waiting.length + line.length > MAXIMUM_BYTES) {
      this.dropped += 1;
      return;
    }
    this.#waiting += line;
    if (this.#waiting.length >= FLUSH_BYTES) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MILLIS).unref();
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#writing || this.#waiting === '') return;
    this.#writing = true;
    if (this.#descriptor !== null) this.#send(this.#descriptor);
    else {
      open(this.#path, 'a', 0o640, (error, descriptor) => {
        if (error) return this.#lose(1);
        this.#descriptor = descriptor;
        this.#send(descriptor);
      });
    }
  }

  #send(descriptor: number): void {
    const text = Buffer.from(this.#waiting, 'latin1');
    this.#waiting = '';
    this.#sendRest(descriptor, text);
  }

  #sendRest(descriptor: number, rest: Buffer): void {
    write(descriptor, rest, 0, rest.length, null, (error, written) => {
      if (error) return this.#lose(0);
      if (written < rest.length) return this.#sendRest(descriptor, rest.subarray(written));
      this.#writing = false;
      if (this.#waiting.length >= FLUSH_BYTES) this.#flush();
    });
  }

  /** A file that cannot be written must not stop traffic: the lines are lost, and the count says so. */
  #lose(waiting: number): void {
    this.dropped += waiting === 0 ? 1 : this.#waiting.split('\n').length - 1;
    if (waiting !== 0) this.#waiting = '';
    this.#writing = false;
  }
}
