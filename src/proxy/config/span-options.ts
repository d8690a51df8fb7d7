// What a connection manager says of spans, and a route in its place: which requests have some, what they are called and what is in them.
import type { Tracing as RouteTracing } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { HttpConnectionManager_Tracing as ManagerTracing } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { FractionalPercent, Percent } from '../../xds/gen/envoy/type/v3/percent_pb.ts';
import type { Exchange } from '../http/exchange.ts';
import { compileFormat } from '../log/format.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import { at, mapAt } from './config-error.ts';
import { type CustomTag, decodeCustomTag } from './custom-tag.ts';
import { denominator } from './values.ts';

export type SpanOptions = {
  readonly clientSampling: Sampling;
  readonly randomSampling: Sampling;
  readonly overallSampling: Sampling;
  readonly customTags: readonly CustomTag[];
  /** Of the span of an exchange; null: it is called as decorators say, or by where it goes. */
  readonly operation: SpanName | null;
  /** Of the spans of its attempts. */
  readonly upstreamOperation: SpanName | null;
};

/** A draw counts whose remainder by `denominator` is less than `numerator`. */
export type Sampling = { readonly numerator: number; readonly denominator: number };

/** Made when the span ends: what is known of the response may be in it. */
export type SpanName = (exchange: Exchange) => string;

/** Where nothing is said. */
const EVERYTHING: Sampling = { numerator: 100, denominator: 100 };

export function decodeSpanOptions(tracing: RouteTracing | ManagerTracing, path: string): SpanOptions {
  return {
    clientSampling: decodeSampling(tracing.clientSampling),
    randomSampling: decodeSampling(tracing.randomSampling),
    overallSampling: decodeSampling(tracing.overallSampling),
    customTags: mapAt(tracing.customTags, at(path, 'custom_tags'), decodeCustomTag),
    operation: compileName(tracing.operation, at(path, 'operation')),
    upstreamOperation: compileName(tracing.upstreamOperation, at(path, 'upstream_operation')),
  };
}

/** Percents are counted in hundredths. */
function decodeSampling(share: Percent | FractionalPercent | undefined): Sampling {
  if (share === undefined) return EVERYTHING;
  if ('value' in share) return { numerator: Math.trunc(share.value * 100), denominator: 10_000 };
  return { numerator: share.numerator, denominator: denominator(share.denominator) };
}

function compileName(format: string, path: string): SpanName | null {
  if (format === '') return null;
  const write = compileFormat(bytesOf(format), path, { missing: '' });
  return (exchange) => write(exchange, exchange.response, 0);
}
