// The filter envoy.filters.http.decompressor.
import {
  type Decompressor,
  type Decompressor_CommonDirectionConfig,
  DecompressorSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/decompressor/v3/decompressor_pb.ts';
import { at } from '../../config/config-error.ts';
import { type Keyed, keyedFlag } from '../../config/runtime-keys.ts';
import type { HeaderMap } from '../../http/headers.ts';
import { compiler, type FilterKind, perScope } from '../define.ts';
import type {
  FilterOutlet,
  FilterScope,
  FilterStage,
  FilterStream,
  HttpFilter,
  LocalReply,
  StreamFilter,
} from '../filter.ts';
import { Coder } from './coder.ts';
import { compileDecompressor, type Library } from './libraries.ts';

type Direction = { readonly enabled: boolean; readonly ignoresNoTransform: boolean };

export const decompressor: FilterKind = { chain: compiler(DecompressorSchema, createDecompressor), route: null };

function createDecompressor(config: Decompressor, name: string, path: string): HttpFilter {
  const library = compileDecompressor(config.decompressorLibrary, at(path, 'decompressor_library'));
  const request = directionOf(config.requestDirectionConfig?.commonConfig);
  const response = directionOf(config.responseDirectionConfig?.commonConfig);
  const statsOf = perScope((scope) => decompressorStats(scope, config.decompressorLibrary?.name ?? '', library));
  const advertises = config.requestDirectionConfig?.advertiseAcceptEncoding ?? true;
  return {
    name,
    open(_exchange, scope, stream) {
      const stats = statsOf(scope);
      const up = new Decoding(library, request(scope.runtime), stream, stream.request, stats.request, advertises);
      const down = new Decoding(library, response(scope.runtime), stream, stream.response, stats.response, false);
      return {
        request: up,
        response: down,
        done() {
          up.close();
          down.close();
        },
      } satisfies StreamFilter;
    },
  };
}

class DecompressionStats {
  decompressed = 0;
  not_decompressed = 0;
  total_uncompressed_bytes = 0;
  total_compressed_bytes = 0;
}

/** Bodies that could not be decoded, by the counter of Envoy's library that comes nearest. */
const FAILURES = { gzip: 'zlib_data_error', br: 'brotli_error', zstd: 'zstd_generic_error' } as const;

type DirectionStats = { readonly bodies: DecompressionStats; countFailure(): void };

function decompressorStats(scope: FilterScope, libraryName: string, { statName, encoding }: Library) {
  const name = `${scope.prefix}decompressor.${libraryName}.${statName}`;
  const failure = FAILURES[encoding];
  const failures = scope.stats(`${name}.decompressor_library`, (): Record<string, number> => ({ [failure]: 0 }));
  const of = (direction: string): DirectionStats => ({
    bodies: scope.stats(`${name}.${direction}`, () => new DecompressionStats()),
    countFailure() {
      failures[failure] = (failures[failure] ?? 0) + 1;
    },
  });
  return { request: of('request'), response: of('response') };
}

/** RFC 9110 15.5.1: what cannot be read is the sender's fault. */
const unreadable: LocalReply = {
  status: 400,
  body: 'Bad Request',
  details: 'decompression_failed',
  flags: 0,
  headers: null,
};

class Decoding implements FilterStage<{ readonly headers: HeaderMap }> {
  readonly #library: Library;
  readonly #direction: Direction;
  readonly #stream: FilterStream;
  readonly #outlet: FilterOutlet;
  readonly #stats: DirectionStats;
  readonly #advertises: boolean;
  #coder: Coder | null = null;

  constructor(
    library: Library,
    direction: Direction,
    stream: FilterStream,
    outlet: FilterOutlet,
    stats: DirectionStats,
    advertises: boolean,
  ) {
    this.#library = library;
    this.#direction = direction;
    this.#stream = stream;
    this.#outlet = outlet;
    this.#stats = stats;
    this.#advertises = advertises;
  }

  head({ headers }: { readonly headers: HeaderMap }, last: boolean): undefined {
    if (this.#advertises) advertise(headers, this.#library.encoding);
    if (last) return;
    if (!this.#applies(headers)) {
      this.#stats.bodies.not_decompressed += 1;
      return;
    }
    this.#stats.bodies.decompressed += 1;
    const left = (headers.joined('content-encoding') ?? '').split(',').slice(1).join(',').trim();
    if (left === '') headers.remove('content-encoding');
    else headers.set('content-encoding', left);
    headers.remove('content-length');
    this.#coder = this.#decoder();
  }

  data(chunk: Buffer): void {
    if (this.#coder === null) this.#outlet.write(chunk);
    else this.#coder.write(chunk);
  }

  end(trailers: HeaderMap | null): void {
    if (this.#coder === null) this.#outlet.finish(trailers);
    else this.#coder.end(trailers);
  }

  receiver(full: boolean): void {
    this.#coder?.receiver(full);
  }

  close(): void {
    this.#coder?.close();
  }

  #decoder(): Coder {
    const { bodies, countFailure } = this.#stats;
    return new Coder(this.#library, this.#stream, this.#outlet, {
      taken: (bytes) => {
        bodies.total_compressed_bytes += bytes;
      },
      given: (bytes) => {
        bodies.total_uncompressed_bytes += bytes;
      },
      failed: () => {
        countFailure();
        this.#stream.answer(unreadable);
      },
    });
  }

  #applies(headers: HeaderMap): boolean {
    const { enabled, ignoresNoTransform } = this.#direction;
    const first = (headers.joined('content-encoding') ?? '').split(',', 1)[0]!.trim().toLowerCase();
    if (!enabled || first !== this.#library.encoding) return false;
    return ignoresNoTransform || !/\bno-transform\b/i.test(headers.joined('cache-control') ?? '');
  }
}

function advertise(headers: HeaderMap, encoding: string): void {
  const before = headers.joined('accept-encoding');
  headers.set('accept-encoding', before === undefined ? encoding : `${before},${encoding}`);
}

function directionOf(common: Decompressor_CommonDirectionConfig | undefined): Keyed<Direction> {
  const enabled = keyedFlag(common?.enabled, true);
  const ignoresNoTransform = common?.ignoreNoTransformHeader ?? false;
  return (runtime) => ({ enabled: enabled(runtime), ignoresNoTransform });
}
