// ListenerFilter → ListenerFilterConfig.
import { TokenBucket } from '../../lib/token-bucket.ts';
import { ProxyProtocolConfig_Version as Version } from '../../xds/gen/envoy/config/core/v3/proxy_protocol_pb.ts';
import type {
  ListenerFilter,
  ListenerFilterChainMatchPredicate as Predicate,
} from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { HttpInspectorSchema } from '../../xds/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.ts';
import {
  type LocalRateLimit,
  LocalRateLimitSchema,
} from '../../xds/gen/envoy/extensions/filters/listener/local_ratelimit/v3/local_ratelimit_pb.ts';
import { OriginalDstSchema } from '../../xds/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.ts';
import {
  ProxyProtocol_KeyValuePair_ValueStringEncoding as Encoding,
  type ProxyProtocol,
  ProxyProtocolSchema,
  type ProxyProtocol_Rule as Rule,
} from '../../xds/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import {
  type TlsInspector,
  TlsInspectorSchema,
} from '../../xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { typeNameOf, unpack, unsupportedType } from './any.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import type { ListenerFilterConfig } from './listener-types.ts';
import { decodePassed, tlvType } from './proxy-header.ts';
import { keyedFlag, type RuntimeLookup } from './runtime-keys.ts';
import { decodeBucket } from './token-bucket.ts';

export function decodeListenerFilter(filter: ListenerFilter, path: string): ListenerFilterConfig {
  const { configType, filterDisabled } = filter;
  if (configType.case !== 'typedConfig') throw new ConfigError(at(path, 'typed_config'), 'is required');
  const config = configType.value;
  const here = at(path, 'typed_config');
  const disabled = filterDisabled ? compilePredicate(filterDisabled, at(path, 'filter_disabled')) : null;
  switch (typeNameOf(config)) {
    case TlsInspectorSchema.typeName:
      return { ...decodeTlsInspector(unpack(config, TlsInspectorSchema, here), here), disabled };
    case HttpInspectorSchema.typeName:
      unpack(config, HttpInspectorSchema, here);
      return { kind: 'http-inspector', disabled };
    case OriginalDstSchema.typeName:
      unpack(config, OriginalDstSchema, here);
      return { kind: 'original-dst', disabled };
    case LocalRateLimitSchema.typeName:
      return { ...decodeLocalRateLimit(unpack(config, LocalRateLimitSchema, here), here), disabled };
    case ProxyProtocolSchema.typeName:
      return { ...decodeProxyProtocol(unpack(config, ProxyProtocolSchema, here), here), disabled };
    default:
      throw unsupportedType(config, here);
  }
}

const LONGEST_HELLO = 16_384;

function decodeTlsInspector(config: TlsInspector, path: string) {
  const [ja3, ja4] = [config.enableJa3Fingerprinting ?? false, config.enableJa4Fingerprinting ?? false];
  const longestHello = config.maxClientHelloSize ?? LONGEST_HELLO;
  if (longestHello < 256 || longestHello > LONGEST_HELLO) {
    throw new ConfigError(at(path, 'max_client_hello_size'), `must be 256 to ${LONGEST_HELLO}`);
  }
  return {
    kind: 'tls-inspector' as const,
    fingerprints: ja3 || ja4 ? { ja3, ja4 } : null,
    longestHello,
    closesOthers: config.closeConnectionOnClientHelloParsingErrors,
  };
}

function decodeLocalRateLimit(config: LocalRateLimit, path: string) {
  const { statPrefix } = config;
  if (statPrefix === '') throw new ConfigError(at(path, 'stat_prefix'), 'is empty');
  const limit = decodeBucket(config.tokenBucket, at(path, 'token_bucket'));
  const enabled = keyedFlag(config.runtimeEnabled, true);
  let bucket: TokenBucket | null = null;
  return {
    kind: 'local-rate-limit' as const,
    statPrefix,
    admits(now: number, runtime: RuntimeLookup, workers: number): boolean {
      bucket ??= new TokenBucket(limit, now, workers);
      return !enabled(runtime) || bucket.take(now);
    },
  };
}

function decodeProxyProtocol(config: ProxyProtocol, path: string) {
  const versions = new Set<1 | 2>([1, 2]);
  for (const version of config.disallowedVersions) versions.delete(version === Version.V1 ? 1 : 2);
  if (versions.size === 0) throw new ConfigError(at(path, 'disallowed_versions'), 'leaves no version');
  return {
    kind: 'proxy-protocol' as const,
    statPrefix: config.statPrefix,
    optional: config.allowRequestsWithoutProxyProtocol,
    versions,
    passes: decodePassed(config.passThroughTlvs, at(path, 'pass_through_tlvs')),
    notes: new Map(mapAt(config.rules, at(path, 'rules'), decodeRule)),
  };
}

const NOTES = 'envoy.filters.listener.proxy_protocol';

function decodeRule({ tlvType: given, onTlvPresent }: Rule, path: string) {
  const { metadataNamespace = '', key = '', valueStringEncoding } = onTlvPresent ?? {};
  if (onTlvPresent !== undefined && key === '') throw new ConfigError(at(path, 'on_tlv_present.key'), 'is empty');
  const note = { namespace: metadataNamespace || NOTES, key, base64: valueStringEncoding === Encoding.BASE64 };
  return [tlvType(given, at(path, 'tlv_type')), note] as const;
}

function compilePredicate({ rule }: Predicate, path: string): (port: number) => boolean {
  switch (rule.case) {
    case 'anyMatch':
      return () => rule.value;
    case 'orMatch': {
      const tests = compileSet(rule.value.rules, at(path, 'or_match.rules'));
      return (port) => tests.some((test) => test(port));
    }
    case 'andMatch': {
      const tests = compileSet(rule.value.rules, at(path, 'and_match.rules'));
      return (port) => tests.every((test) => test(port));
    }
    case 'notMatch': {
      const test = compilePredicate(rule.value, at(path, 'not_match'));
      return (port) => !test(port);
    }
    case 'destinationPortRange': {
      const { start, end } = rule.value;
      return (port) => port >= start && port < end;
    }
    default:
      throw new ConfigError(path, 'has no rule');
  }
}

function compileSet(rules: readonly Predicate[], path: string) {
  if (rules.length < 2) throw new ConfigError(path, 'must be at least two');
  return mapAt(rules, path, compilePredicate);
}
