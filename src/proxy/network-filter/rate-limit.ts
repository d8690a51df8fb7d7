// envoy.filters.network.ratelimit: connections are counted by a service (envoy.service.ratelimit.v3), which says whether one more may be.
import { create } from '@bufbuild/protobuf';
import type { RateLimitDescriptor } from '../../xds/gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts';
import type { RateLimit } from '../../xds/gen/envoy/extensions/filters/network/ratelimit/v3/rate_limit_pb.ts';
import {
  RateLimitResponse_Code as Code,
  RateLimitRequestSchema,
  type RateLimitResponse,
  RateLimitService,
} from '../../xds/gen/envoy/service/ratelimit/v3/rls_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { decodeUnaryService } from '../config/grpc-service.ts';
import { millis } from '../config/values.ts';
import type { Exchange } from '../http/exchange.ts';
import { compileFormat } from '../log/format.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import type { NetworkFilter, NetworkScope, Refusal } from './filter.ts';

/** `ratelimit.<stat_prefix>.<field>` */
class RateLimitStats {
  total = 0;
  ok = 0;
  over_limit = 0;
  error = 0;
  failure_mode_allowed = 0;
  cx_closed = 0;
  active = 0;
}

/** Milliseconds, Envoy's default. */
const TIMEOUT = 20;
const METADATA = 'envoy.filters.network.ratelimit';
const REFUSAL: Refusal = { delay: 0, details: '' };

type Described = { readonly entries: readonly { readonly key: string; readonly value: string }[] };

export function createNetworkRateLimit(config: RateLimit, name: string, path: string): NetworkFilter {
  const { statPrefix, domain, failureModeDeny } = config;
  if (statPrefix === '') throw new ConfigError(at(path, 'stat_prefix'), 'is empty');
  if (domain === '') throw new ConfigError(at(path, 'domain'), 'is empty');
  if (config.descriptors.length === 0) throw new ConfigError(at(path, 'descriptors'), 'is empty');
  const descriptors = mapAt(config.descriptors, at(path, 'descriptors'), compileDescriptor);
  const timeout = millis(config.timeout, TIMEOUT, at(path, 'timeout'));
  const service = config.rateLimitService?.grpcService;
  const target = { ...decodeUnaryService(service, timeout, at(path, 'rate_limit_service.grpc_service')), timeout };
  return {
    name,
    start(scope) {
      const stats = scope.stats(`ratelimit.${statPrefix}`, () => new RateLimitStats());
      const judge = (record: Exchange, answer: RateLimitResponse | null): Refusal | null => {
        note(record, answer);
        const outcome = answer === null ? 'error' : answer.overallCode === Code.OVER_LIMIT ? 'over_limit' : 'ok';
        stats[outcome] += 1;
        if (outcome === 'ok' || (outcome === 'over_limit' && !isOn(scope, 'enforcing'))) return null;
        if (outcome === 'error' && !failureModeDeny) {
          stats.failure_mode_allowed += 1;
          return null;
        }
        stats.cx_closed += 1;
        return REFUSAL;
      };
      return {
        ask(record, done) {
          if (!isOn(scope, 'enabled')) {
            done(null);
            return nothing;
          }
          stats.total += 1;
          stats.active += 1;
          const request = create(RateLimitRequestSchema, {
            domain,
            descriptors: descriptors.map((describe) => ({ entries: [...describe(record).entries] })),
          });
          const cancel = scope.client.grpc(RateLimitService.method.shouldRateLimit, target, request, (outcome) => {
            stats.active -= 1;
            done(judge(record, outcome.kind === 'message' ? outcome.message : null));
          });
          return () => {
            stats.active -= 1;
            cancel();
          };
        },
      };
    },
  };
}

/** Values may speak of the connection, as logs do. */
function compileDescriptor({ entries }: RateLimitDescriptor, path: string): (record: Exchange) => Described {
  if (entries.length === 0) throw new ConfigError(at(path, 'entries'), 'is empty');
  const compiled = mapAt(entries, at(path, 'entries'), ({ key, value }, here) => {
    if (key === '') throw new ConfigError(at(here, 'key'), 'is empty');
    if (value === '') throw new ConfigError(at(here, 'value'), 'is empty');
    return { key, write: compileFormat(bytesOf(value), at(here, 'value'), { missing: '-' }) };
  });
  return (record) => ({
    entries: compiled.map(({ key, write }) => ({
      key,
      value: Buffer.from(write(record, null, 0), 'latin1').toString('utf8'),
    })),
  });
}

/** Shares of connections that an operator may change. */
function isOn({ runtime, random }: NetworkScope, what: 'enabled' | 'enforcing'): boolean {
  return random() < (runtime.share(`ratelimit.tcp_filter_${what}`) ?? 1);
}

function note(record: Exchange, answer: RateLimitResponse | null): void {
  const metadata = answer?.dynamicMetadata;
  if (metadata === undefined || Object.keys(metadata).length === 0) return;
  record.metadata ??= new Map();
  record.metadata.set(METADATA, metadata);
}

function nothing(): void {
  // Nobody was asked.
}
