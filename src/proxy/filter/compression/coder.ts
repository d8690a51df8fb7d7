// A zlib stream in the way of a body: chunks go in, what comes out goes on to the next filter.
import type { BrotliCompress, BrotliDecompress, Gunzip, Gzip, ZstdCompress, ZstdDecompress } from 'node:zlib';
import type { HeaderMap } from '../../http/headers.ts';
import { kept } from '../../socket/reused-reads.ts';
import type { FilterOutlet, FilterStream } from '../filter.ts';
import type { Library } from './libraries.ts';

export type ZlibStream = Gzip | Gunzip | BrotliCompress | BrotliDecompress | ZstdCompress | ZstdDecompress;

/** What hears of a coder's work. */
export type CoderWatch = {
  taken(bytes: number): void;
  given(bytes: number): void;
  /** The body cannot be decoded, or has grown beyond the library's ratio: nothing more comes out. */
  failed(): void;
};

/** Bytes waiting in the coder at which the source is stopped. */
const HIGH = 65_536;

export class Coder {
  readonly #zlib: ZlibStream;
  readonly #stream: FilterStream;
  readonly #outlet: FilterOutlet;
  readonly #library: Library;
  readonly #watch: CoderWatch;
  #trailers: HeaderMap | null = null;
  #taken = 0;
  #given = 0;

  constructor(library: Library, stream: FilterStream, outlet: FilterOutlet, watch: CoderWatch) {
    const zlib = library.create();
    this.#zlib = zlib;
    this.#library = library;
    this.#stream = stream;
    this.#outlet = outlet;
    this.#watch = watch;
    zlib.on('data', (chunk: Buffer) => this.#stream.run(() => this.#give(chunk)));
    zlib.on('drain', () => this.#stream.run(() => this.#outlet.resume()));
    zlib.on('end', () => this.#stream.run(() => this.#outlet.finish(this.#trailers)));
    zlib.on('error', () => this.#stream.run(() => this.#watch.failed()));
  }

  write(chunk: Buffer): void {
    const { flush } = this.#library;
    this.#taken += chunk.length;
    this.#watch.taken(chunk.length);
    this.#zlib.write(kept(chunk));
    if (flush !== null) this.#zlib.flush(flush);
    if (this.#zlib.writableLength >= HIGH) this.#outlet.pause();
  }

  end(trailers: HeaderMap | null): void {
    this.#trailers = trailers;
    this.#zlib.end();
  }

  /** What has come out waits in the stream, which then takes nothing more in. */
  receiver(full: boolean): void {
    if (full) this.#zlib.pause();
    else this.#zlib.resume();
  }

  close(): void {
    this.#zlib.removeAllListeners();
    this.#zlib.on('error', () => undefined);
    this.#zlib.destroy();
  }

  /** A few bytes can stand for millions: what comes out is held against what went in so far, before any of it goes on. */
  #give(chunk: Buffer): void {
    this.#given += chunk.length;
    if (this.#given > this.#taken * this.#library.maxRatio) {
      this.close();
      this.#watch.failed();
      return;
    }
    this.#watch.given(chunk.length);
    this.#outlet.write(chunk);
  }
}
