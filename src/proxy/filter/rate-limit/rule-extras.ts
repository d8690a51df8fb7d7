// What a rule says beside its descriptor: a limit that the request brings with it, and how much it counts for.
import type {
  RateLimit_HitsAddend,
  RateLimit_Override,
} from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { MetadataKey } from '../../../xds/gen/envoy/type/metadata/v3/metadata_pb.ts';
import { RateLimitUnit as Unit } from '../../../xds/gen/envoy/type/v3/ratelimit_unit_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import { compileFormat } from '../../log/format.ts';
import { bytesOf } from '../../route/match/string-matcher.ts';
import type { Hits, LimitOverride } from './rule.ts';

/** Envoy's. */
const MOST_HITS = 1_000_000_000n;

/** The value at a path below what `of` says of the first key; undefined: there is none. */
export function compileMetadataPath(
  key: MetadataKey | undefined,
  path: string,
): (of: (name: string) => unknown) => unknown {
  const name = key?.key ?? '';
  if (name === '') throw new ConfigError(at(path, 'key'), 'is empty');
  const segments = mapAt(key?.path ?? [], at(path, 'path'), ({ segment }, here) => {
    if (segment.case !== 'key') throw new ConfigError(at(here, 'key'), 'is required');
    return segment.value;
  });
  return (of) => {
    let value = of(name);
    for (const segment of segments)
      value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[segment] : undefined;
    return value;
  };
}

export function compileOverride(
  message: RateLimit_Override | undefined,
  path: string,
): (exchange: Exchange) => LimitOverride | null {
  const specifier = message?.overrideSpecifier;
  if (specifier?.case === undefined) return () => null;
  if (specifier.case === 'rateLimit') {
    const { requestsPerUnit, unit } = specifier.value;
    if (unit < Unit.SECOND || unit > Unit.YEAR) throw new ConfigError(at(path, 'rate_limit.unit'), 'is not known');
    return () => ({ requestsPerUnit, unit });
  }
  const find = compileMetadataPath(specifier.value.metadataKey, at(path, 'dynamic_metadata.metadata_key'));
  return ({ metadata }) => overrideIn(find((name) => metadata?.get(name)));
}

/** As in dynamic metadata: `{requests_per_unit: 100, unit: "HOUR"}`. */
function overrideIn(value: unknown): LimitOverride | null {
  if (typeof value !== 'object' || value === null) return null;
  const { requests_per_unit: requestsPerUnit, unit: name } = value as Record<string, unknown>;
  const unit = typeof name === 'string' ? UNITS.get(name) : undefined;
  if (unit === undefined || typeof requestsPerUnit !== 'number') return null;
  return { requestsPerUnit: Math.trunc(requestsPerUnit), unit };
}

const UNITS: ReadonlyMap<string, Unit> = new Map([
  ['SECOND', Unit.SECOND],
  ['MINUTE', Unit.MINUTE],
  ['HOUR', Unit.HOUR],
  ['DAY', Unit.DAY],
  ['MONTH', Unit.MONTH],
  ['YEAR', Unit.YEAR],
]);

/** undefined: what the request says is no number, and the rule does not hold. */
export function compileHits(
  message: RateLimit_HitsAddend | undefined,
  path: string,
): (exchange: Exchange) => Hits | null | undefined {
  if (message === undefined) return () => null;
  const { number, format, isNegativeHits: negative } = message;
  if (number !== undefined && format !== '') throw new ConfigError(path, 'has both number and format');
  if (number !== undefined) {
    if (number > MOST_HITS) throw new ConfigError(at(path, 'number'), `must be at most ${MOST_HITS}`);
    return () => ({ count: number, negative });
  }
  const write = compileFormat(bytesOf(format), at(path, 'format'), { missing: '' });
  return (exchange) => {
    const text = write(exchange, exchange.response, 0);
    if (!/^\d{1,10}$/.test(text)) return undefined;
    const count = BigInt(text);
    return count > MOST_HITS ? undefined : { count, negative };
  };
}
