// Where log lines go: a file or a standard stream, buffered, never blocking. A sink that cannot keep up drops lines and counts them.
import { appendFileSync, createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { type Clock, systemClock } from '../../lib/clock.ts';

export type LineSink = {
  write(line: string): void;
  /** Lines that were not written because the sink lagged or failed. */
  readonly dropped: number;
};

/** When lines are handed over: of every sink of this thread, set by how the proxy was started. */
export type LogFlush = {
  /** Milliseconds after the first line that is held. */
  readonly interval: number;
  /** Characters that are held before they are handed over at once. */
  readonly size: number;
};

export const DEFAULT_FLUSH: LogFlush = { interval: 1_000, size: 64 * 1024 };

/** Bytes the stream may have waiting: above it lines are dropped. */
const LAG = 4 * 1024 * 1024;

export class BufferedSink implements LineSink {
  readonly #open: () => Writable;
  readonly #clock: Clock;
  #stream: Writable | null = null;
  #failed = false;
  #held: string[] = [];
  #size = 0;
  #armed = false;
  dropped = 0;

  /** `open` is called with the first line: who decodes a configuration only to look at it opens nothing. */
  constructor(open: () => Writable, clock: Clock) {
    this.#open = open;
    this.#clock = clock;
  }

  write(line: string): void {
    if (this.#failed || (this.#stream !== null && this.#stream.writableLength > LAG)) {
      this.dropped += 1;
      return;
    }
    this.#held.push(line);
    this.#size += line.length;
    if (this.#size >= flushing.size) this.flush();
    else if (!this.#armed) {
      this.#armed = true;
      this.#clock.after(flushing.interval, () => {
        this.#armed = false;
        this.flush();
      });
    }
  }

  flush(): void {
    if (this.#size === 0) return;
    this.#stream ??= this.#opened();
    const lines = this.#held.length;
    this.#stream.write(this.take(), 'latin1', (error) => {
      if (error) this.dropped += lines;
    });
  }

  /** Writes go on to a new stream: the file under the old one may have been moved away. */
  reopen(): void {
    this.flush();
    const before = this.#stream;
    this.#stream = null;
    this.#failed = false;
    if (before !== null && before !== process.stdout && before !== process.stderr) before.end();
  }

  /** What is held, which is then the caller's to write. */
  take(): string {
    const text = this.#held.join('');
    this.#held = [];
    this.#size = 0;
    return text;
  }

  #opened(): Writable {
    const stream = this.#open();
    // A full disk must not end the proxy; what is lost is counted.
    stream.on('error', () => {
      this.#failed = true;
    });
    return stream;
  }
}

let flushing = DEFAULT_FLUSH;

export function setFlushing(flush: LogFlush): void {
  flushing = flush;
}

const READABLE_BY_GROUP = 0o640;

/** One per path in the process: listeners that log to the same file share its order. */
const sinks = new Map<string, OpenSink>();

type OpenSink = { readonly sink: BufferedSink; readonly mode: number };

/** `mode` is of a file that is made. */
export function openSink(path: string, mode = READABLE_BY_GROUP): LineSink {
  if (sinks.size === 0) process.once('exit', writeRest);
  const known = sinks.get(path);
  if (known) return known.sink;
  const sink = new BufferedSink(() => streamFor(path, mode), systemClock);
  sinks.set(path, { sink, mode });
  return sink;
}

/** For log rotation: moved files are let go of, their paths opened anew. */
export function reopenSinks(): void {
  for (const { sink } of sinks.values()) sink.reopen();
}

/** Lines of all sinks that were lost so far. */
export function droppedLines(): number {
  return [...sinks.values()].reduce((total, { sink }) => total + sink.dropped, 0);
}

/** At the end of the process nothing asynchronous runs any more: what is still held is written at once. */
function writeRest(): void {
  for (const [path, { sink, mode }] of sinks) {
    const text = sink.take();
    try {
      if (text !== '') appendFileSync(path, text, { encoding: 'latin1', mode });
    } catch {
      // The process ends; there is nobody left to tell, and lost lines must not change its exit code.
    }
  }
}

function streamFor(path: string, mode: number): Writable {
  if (path === '/dev/stdout') return process.stdout;
  if (path === '/dev/stderr') return process.stderr;
  return createWriteStream(path, { flags: 'a', mode });
}
