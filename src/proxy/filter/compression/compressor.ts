// The filter envoy.filters.http.compressor.
import {
  type CompressorPerRoute,
  CompressorPerRouteSchema,
  CompressorSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import type { RuntimeLookup } from '../../config/runtime-keys.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { HeaderMap } from '../../http/headers.ts';
import { compiler, type FilterKind, routeSettings } from '../define.ts';
import type { FilterOutlet, FilterScope, FilterStream, HttpFilter, StreamFilter } from '../filter.ts';
import { type Choice, chooseEncoding } from './accept-encoding.ts';
import { Coder } from './coder.ts';
import { type CompressedDirection, type CompressorConfig, compileCompressorConfig } from './compressor-config.ts';
import { type CompressionStats, type CompressorStats, countChoice } from './compressor-stats.ts';
import type { Library } from './libraries.ts';

/** The compressors of a chain for one exchange, in the order the request met them; they agree on one encoding. */
type Offers = { readonly all: CompressorConfig[]; choice: Choice | null };
const offers = new WeakMap<Exchange, Offers>();

type RouteSettings = { readonly disabled: boolean; readonly removesAcceptEncoding: boolean | undefined };
const ofRoute = routeSettings<RouteSettings>();

export const compressor: FilterKind = {
  chain: compiler(CompressorSchema, (message, name, path) => {
    const config = compileCompressorConfig(message, path);
    return { name, open: (exchange, scope, stream) => new Compression(config, name, exchange, scope, stream) };
  }),
  route: compiler(CompressorPerRouteSchema, compileRoute),
};

function compileRoute({ override }: CompressorPerRoute, name: string, path: string): HttpFilter {
  switch (override.case) {
    case 'disabled':
      if (!override.value) throw new ConfigError(at(path, 'disabled'), 'must be true');
      return ofRoute.make(name, { disabled: true, removesAcceptEncoding: undefined });
    case 'overrides': {
      const removesAcceptEncoding = override.value.responseDirectionConfig?.removeAcceptEncodingHeader;
      return ofRoute.make(name, { disabled: false, removesAcceptEncoding });
    }
    default:
      throw new ConfigError(path, 'says neither disabled nor overrides');
  }
}

class Compression implements StreamFilter {
  readonly #config: CompressorConfig;
  readonly #runtime: RuntimeLookup;
  readonly #settings: RouteSettings | undefined;
  readonly #exchange: Exchange;
  readonly #stream: FilterStream;
  readonly #stats: CompressorStats;
  /** null: the request never came by here. */
  #accepted: string | null = null;
  #up: Coder | null = null;
  #down: Coder | null = null;

  constructor(config: CompressorConfig, name: string, exchange: Exchange, scope: FilterScope, stream: FilterStream) {
    this.#config = config;
    this.#settings = ofRoute.of(exchange, name);
    this.#exchange = exchange;
    this.#stream = stream;
    this.#stats = config.statsOf(scope);
    this.#runtime = scope.runtime;
  }

  readonly request = {
    head: ({ headers }: { headers: HeaderMap }, last: boolean): undefined => {
      const { library, request } = this.#config;
      const stats = this.#stats.request;
      this.#accepted = headers.joined('accept-encoding') ?? '';
      this.#offer();
      if (this.#settings?.removesAcceptEncoding ?? this.#config.removesAcceptEncoding)
        headers.remove('accept-encoding');
      const compresses = !last && this.#isOn(request) && isLongEnough(headers, request, stats);
      if (!compresses || !isCompressible(headers, request)) {
        stats.not_compressed += 1;
        return;
      }
      stats.compressed += 1;
      encode(headers, library);
      this.#up = this.#coder(this.#stream.request, stats);
    },
    data: (chunk: Buffer): void => {
      if (this.#up === null) this.#stream.request.write(chunk);
      else this.#up.write(chunk);
    },
    end: (trailers: HeaderMap | null): void => {
      if (this.#up === null) this.#stream.request.finish(trailers);
      else this.#up.end(trailers);
    },
    receiver: (full: boolean): void => this.#up?.receiver(full),
  };

  readonly response = {
    head: ({ status, headers }: { status: number; headers: HeaderMap }, last: boolean): undefined => {
      const { library, response } = this.#config;
      const stats = this.#stats.response;
      const considered = this.#isOn(response) && isLongEnough(headers, response, stats);
      if (response.tellsStatus && this.#isOn(response) && !last) tellWhyNot(headers, status, this.#config);
      const compressible =
        considered &&
        isCompressible(headers, response) &&
        !this.#isKeptByEtag(headers) &&
        !response.skippedStatuses.has(status);
      // As in Envoy: who is told why not was not asked.
      const asks = response.tellsStatus ? compressible : considered;
      const wanted = !last && asks && this.#isWanted(headers);
      if (compressible) vary(headers);
      if (!compressible || !wanted) {
        stats.not_compressed += 1;
        return;
      }
      stats.compressed += 1;
      sanitizeEtag(headers, response.weakensEtag);
      if (response.tellsStatus) tellCompressed(headers, library);
      encode(headers, library);
      this.#down = this.#coder(this.#stream.response, stats);
    },
    data: (chunk: Buffer): void => {
      if (this.#down === null) this.#stream.response.write(chunk);
      else this.#down.write(chunk);
    },
    end: (trailers: HeaderMap | null): void => {
      if (this.#down === null) this.#stream.response.finish(trailers);
      else this.#down.end(trailers);
    },
    receiver: (full: boolean): void => this.#down?.receiver(full),
  };

  done(): void {
    this.#up?.close();
    this.#down?.close();
  }

  #isOn({ enabled }: CompressedDirection): boolean {
    return enabled(this.#runtime) && this.#settings?.disabled !== true;
  }

  #offer(): void {
    const known = offers.get(this.#exchange);
    if (known === undefined) offers.set(this.#exchange, { all: [this.#config], choice: null });
    else known.all.push(this.#config);
  }

  #isKeptByEtag(headers: HeaderMap): boolean {
    if (!this.#config.response.skipsEtag || !headers.has('etag')) return false;
    this.#stats.choice.not_compressed_etag += 1;
    return true;
  }

  #isWanted(headers: HeaderMap): boolean {
    const { choice: stats } = this.#stats;
    const met = offers.get(this.#exchange);
    if (this.#accepted === null || this.#accepted === '' || met === undefined) {
      stats.no_accept_header += 1;
      return false;
    }
    met.choice ??= choose(this.#accepted, met.all, headers);
    const used = met.choice.encoding === this.#config.library.encoding;
    countChoice(stats, met.choice.by, used);
    return used;
  }

  #coder(outlet: FilterOutlet, stats: CompressionStats): Coder {
    return new Coder(this.#config.library, this.#stream, outlet, {
      taken: (bytes) => {
        stats.total_uncompressed_bytes += bytes;
      },
      given: (bytes) => {
        stats.total_compressed_bytes += bytes;
      },
      failed: () => {
        throw new Error('a compressor failed');
      },
    });
  }
}

function choose(accepted: string, all: readonly CompressorConfig[], headers: HeaderMap): Choice {
  const offered = all.filter(({ response }) => hasType(headers, response));
  // The last that is to be first is.
  const first = offered.filter((one) => one.first).at(-1);
  return chooseEncoding(
    accepted,
    offered.map(({ library }) => library.encoding),
    first?.library.encoding,
  );
}

function isLongEnough(headers: HeaderMap, { minimum }: CompressedDirection, stats: CompressionStats): boolean {
  const length = headers.get('content-length');
  if (length === undefined || Number(length) >= minimum) return true;
  stats.content_length_too_small += 1;
  return false;
}

function isCompressible(headers: HeaderMap, direction: CompressedDirection): boolean {
  return !isClosed(headers) && hasType(headers, direction);
}

/** It is compressed already, or is to stay as it is (RFC 9111 5.2.2.6). */
function isClosed(headers: HeaderMap): boolean {
  return headers.has('content-encoding') || /\bno-transform\b/i.test(headers.joined('cache-control') ?? '');
}

function hasType(headers: HeaderMap, { compressible }: CompressedDirection): boolean {
  const type = headers.get('content-type');
  return type === undefined || compressible(type.split(';', 1)[0]!.trim().toLowerCase());
}

const STATUS = 'x-envoy-compression-status';

/** For whoever wonders (`status_header_enabled`); of what was compressed before, or is not to be, nothing is said. */
function tellWhyNot(headers: HeaderMap, status: number, { library, response }: CompressorConfig): void {
  const why = reasonAgainst(headers, status, response);
  if (why !== null) headers.append(STATUS, `${library.encoding};${why}`);
}

function reasonAgainst(headers: HeaderMap, status: number, response: CompressorConfig['response']): string | null {
  if (isClosed(headers)) return null;
  if (Number(headers.get('content-length') ?? response.minimum) < response.minimum) return 'ContentLengthTooSmall';
  if (!hasType(headers, response)) return 'ContentTypeNotAllowed';
  if (response.skipsEtag && headers.has('etag')) return 'EtagNotAllowed';
  return response.skippedStatuses.has(status) ? 'StatusCodeNotAllowed' : null;
}

function tellCompressed(headers: HeaderMap, { encoding }: Library): void {
  headers.append(STATUS, `${encoding};Compressed;OriginalLength=${headers.get('content-length') ?? ''}`);
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
