// The filter envoy.filters.http.compressor.
import {
  type Compressor,
  type Compressor_CommonDirectionConfig,
  type CompressorPerRoute,
  CompressorPerRouteSchema,
  CompressorSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { HeaderMap } from '../../http/headers.ts';
import { compileString } from '../../route/match/string-matcher.ts';
import { compiler, type FilterKind, perScope, routeSettings } from '../define.ts';
import type { FilterScope, FilterStream, HttpFilter, StreamFilter } from '../filter.ts';
import { chooseEncoding } from './accept-encoding.ts';
import { Coder } from './coder.ts';
import { compileCompressor, type Library } from './libraries.ts';

class CompressorStats {
  compressed = 0;
  not_compressed = 0;
}

type Direction = { readonly enabled: boolean; readonly minimum: number; compressible(type: string): boolean };

type Config = {
  readonly library: Library;
  readonly request: Direction;
  readonly response: Direction & {
    readonly skipsEtag: boolean;
    readonly weakensEtag: boolean;
    readonly skippedStatuses: ReadonlySet<number>;
  };
  readonly removesAcceptEncoding: boolean;
  statsOf(scope: FilterScope): CompressorStats;
};

/** Envoy's. */
const MINIMUM = 30;
const TYPES = [
  ...['application/javascript', 'application/json', 'application/xhtml+xml', 'image/svg+xml'],
  ...['text/css', 'text/html', 'text/plain', 'text/xml'],
];

/** Encodings the compressors of a chain offer for one exchange, in the order the request met them. */
const offers = new WeakMap<Exchange, string[]>();
/** true: `accept-encoding` is kept from upstreams, whatever the chain says. */
const ofRoute = routeSettings<{ readonly removesAcceptEncoding: boolean | undefined }>();

export const compressor: FilterKind = {
  chain: compiler(CompressorSchema, createCompressor),
  route: compiler(CompressorPerRouteSchema, compileRoute),
};

function compileRoute({ override }: CompressorPerRoute, name: string, path: string): HttpFilter | null {
  switch (override.case) {
    case 'disabled':
      if (!override.value) throw new ConfigError(at(path, 'disabled'), 'must be true');
      return null;
    case 'overrides':
      return ofRoute.make(name, {
        removesAcceptEncoding: override.value.responseDirectionConfig?.removeAcceptEncodingHeader,
      });
    default:
      throw new ConfigError(path, 'says neither disabled nor overrides');
  }
}

function createCompressor(message: Compressor, name: string, path: string): HttpFilter {
  const config = compileConfig(message, path);
  return { name, open: (exchange, scope, stream) => new Compression(config, name, exchange, scope, stream) };
}

class Compression implements StreamFilter {
  readonly #config: Config;
  readonly #name: string;
  readonly #exchange: Exchange;
  readonly #scope: FilterScope;
  readonly #stream: FilterStream;
  /** null: the request never came by here. */
  #accepted: string | null = null;
  #up: Coder | null = null;
  #down: Coder | null = null;

  constructor(config: Config, name: string, exchange: Exchange, scope: FilterScope, stream: FilterStream) {
    this.#config = config;
    this.#name = name;
    this.#exchange = exchange;
    this.#scope = scope;
    this.#stream = stream;
  }

  readonly request = {
    head: ({ headers }: { headers: HeaderMap }, last: boolean): undefined => {
      const { library, request } = this.#config;
      this.#accepted = headers.joined('accept-encoding') ?? '';
      offers.set(this.#exchange, [...(offers.get(this.#exchange) ?? []), library.encoding]);
      const removes =
        ofRoute.of(this.#exchange, this.#name)?.removesAcceptEncoding ?? this.#config.removesAcceptEncoding;
      if (removes) headers.remove('accept-encoding');
      if (last || !fits(headers, request) || !transformable(headers)) return;
      encode(headers, library);
      this.#up = new Coder(library, this.#stream, this.#stream.request, this.#broken);
    },
    data: (chunk: Buffer): void => {
      if (this.#up === null) this.#stream.request.write(chunk);
      else this.#up.write(chunk);
    },
    end: (trailers: HeaderMap | null): void => {
      if (this.#up === null) this.#stream.request.finish(trailers);
      else this.#up.end(trailers);
    },
  };

  readonly response = {
    head: ({ status, headers }: { status: number; headers: HeaderMap }, last: boolean): undefined => {
      const { library, response, statsOf } = this.#config;
      const stats = statsOf(this.#scope);
      const compressible =
        fits(headers, response) &&
        transformable(headers) &&
        !(response.skipsEtag && headers.has('etag')) &&
        !response.skippedStatuses.has(status);
      if (compressible) vary(headers);
      if (last || !compressible || !this.#isWanted()) {
        stats.not_compressed += 1;
        return;
      }
      stats.compressed += 1;
      sanitizeEtag(headers, response.weakensEtag);
      encode(headers, library);
      this.#down = new Coder(library, this.#stream, this.#stream.response, this.#broken);
    },
    data: (chunk: Buffer): void => {
      if (this.#down === null) this.#stream.response.write(chunk);
      else this.#down.write(chunk);
    },
    end: (trailers: HeaderMap | null): void => {
      if (this.#down === null) this.#stream.response.finish(trailers);
      else this.#down.end(trailers);
    },
  };

  done(): void {
    this.#up?.close();
    this.#down?.close();
  }

  #isWanted(): boolean {
    if (this.#accepted === null || this.#accepted === '') return false;
    const offered = offers.get(this.#exchange) ?? [];
    return chooseEncoding(this.#accepted, offered) === this.#config.library.encoding;
  }

  readonly #broken = (): void => {
    throw new Error('a compressor failed');
  };
}

function fits(headers: HeaderMap, { enabled, minimum, compressible }: Direction): boolean {
  if (!enabled) return false;
  const length = headers.get('content-length');
  if (length !== undefined && Number(length) < minimum) return false;
  const type = headers.get('content-type');
  return type === undefined || compressible(type.split(';', 1)[0]!.trim().toLowerCase());
}

function transformable(headers: HeaderMap): boolean {
  return !headers.has('content-encoding') && !/\bno-transform\b/i.test(headers.joined('cache-control') ?? '');
}

function encode(headers: HeaderMap, { encoding }: Library): void {
  headers.remove('content-length');
  headers.set('content-encoding', encoding);
}

/** A strong validator does not hold for other bytes (RFC 9110 8.8.1). */
function sanitizeEtag(headers: HeaderMap, weakens: boolean): void {
  const etag = headers.get('etag');
  if (etag === undefined || /^W\//i.test(etag)) return;
  if (weakens) headers.set('etag', `W/${etag}`);
  else headers.remove('etag');
}

/** Also where nothing is compressed: caches must know that it might have been. */
function vary(headers: HeaderMap): void {
  const before = headers.joined('vary');
  if (before === undefined) headers.append('vary', 'Accept-Encoding');
  else if (!before.includes('Accept-Encoding')) headers.set('vary', `${before}, Accept-Encoding`);
}

function compileConfig(message: Compressor, path: string): Config {
  const library = compileCompressor(message.compressorLibrary, at(path, 'compressor_library'));
  const response = message.responseDirectionConfig;
  const here = at(path, 'response_direction_config');
  const common = compileDirection(response?.commonConfig, true, at(here, 'common_config'));
  const name = message.compressorLibrary?.name ?? '';
  return {
    library,
    request: compileDirection(
      message.requestDirectionConfig?.commonConfig,
      false,
      at(path, 'request_direction_config.common_config'),
    ),
    response: {
      ...common,
      skipsEtag: response?.disableOnEtagHeader ?? false,
      weakensEtag: response?.weakenEtagOnCompress ?? false,
      skippedStatuses: new Set(response?.uncompressibleResponseCodes ?? []),
    },
    removesAcceptEncoding: response?.removeAcceptEncodingHeader ?? false,
    statsOf: perScope((scope) =>
      scope.stats(
        `${scope.prefix}compressor.${name}.${STAT_NAMES[library.encoding]}.response`,
        () => new CompressorStats(),
      ),
    ),
  };
}

const STAT_NAMES = { gzip: 'gzip', br: 'brotli', zstd: 'zstd' } as const;

function compileDirection(
  common: Compressor_CommonDirectionConfig | undefined,
  enabledByDefault: boolean,
  path: string,
): Direction {
  const types = new Set((common?.contentType.length ? common.contentType : TYPES).map((type) => type.toLowerCase()));
  const matchers = mapAt(common?.contentTypeMatcher ?? [], at(path, 'content_type_matcher'), compileString);
  return {
    enabled: common?.enabled?.defaultValue ?? (common?.enabled === undefined ? enabledByDefault : true),
    minimum: common?.minContentLength ?? MINIMUM,
    compressible: (type) => types.has(type) || matchers.some((test) => test(type)),
  };
}
