// A zlib stream in the way of a body: chunks go in, what comes out goes on to the next filter.
import type { BrotliCompress, BrotliDecompress, Gunzip, Gzip, ZstdCompress, ZstdDecompress } from 'node:zlib';
import type { HeaderMap } from '../../http/headers.ts';
import { kept } from '../../socket/reused-reads.ts';
import type { FilterOutlet, FilterStream } from '../filter.ts';
import type { Library } from './libraries.ts';

export type ZlibStream = Gzip | Gunzip | BrotliCompress | BrotliDecompress | ZstdCompress | ZstdDecompress;

/** Bytes waiting in the coder at which the source is stopped. */
const HIGH = 65_536;

export class Coder {
  readonly #zlib: ZlibStream;
  readonly #stream: FilterStream;
  readonly #outlet: FilterOutlet;
  /** A compressor's chunks must reach the peer without waiting for more. */
  readonly #flush: number | null;
  #trailers: HeaderMap | null = null;

  constructor({ create, flush }: Library, stream: FilterStream, outlet: FilterOutlet, onError: () => void) {
    const zlib = create();
    this.#zlib = zlib;
    this.#stream = stream;
    this.#outlet = outlet;
    this.#flush = flush;
    zlib.on('data', (chunk: Buffer) => this.#stream.run(() => this.#outlet.write(chunk)));
    zlib.on('drain', () => this.#stream.run(() => this.#outlet.resume()));
    zlib.on('end', () => this.#stream.run(() => this.#outlet.finish(this.#trailers)));
    zlib.on('error', () => this.#stream.run(onError));
  }

  write(chunk: Buffer): void {
    this.#zlib.write(kept(chunk));
    if (this.#flush !== null) this.#zlib.flush(this.#flush);
    if (this.#zlib.writableLength >= HIGH) this.#outlet.pause();
  }

  end(trailers: HeaderMap | null): void {
    this.#trailers = trailers;
    this.#zlib.end();
  }

  close(): void {
    this.#zlib.removeAllListeners();
    this.#zlib.on('error', () => undefined);
    this.#zlib.destroy();
  }
}
