// What earlier filters noted about a request, and what its route says: tests on both.
import { MetadataSource, type SourcedMetadata } from '../../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import type { FilterStateMatcher } from '../../../xds/gen/envoy/type/matcher/v3/filter_state_pb.ts';
import type { MetadataMatcher } from '../../../xds/gen/envoy/type/matcher/v3/metadata_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import { compileMetadata } from '../../route/match/metadata-matcher.ts';
import { compileString } from '../../route/match/string-matcher.ts';

type ExchangeTest = (exchange: Exchange) => boolean;

export function compileDynamicMetadata(matcher: MetadataMatcher, path: string): ExchangeTest {
  const test = compileMetadata(matcher, path);
  return ({ metadata }) => test(metadata);
}

export function compileSourcedMetadata(matcher: SourcedMetadata, path: string): ExchangeTest {
  const here = at(path, 'metadata_matcher');
  if (matcher.metadataMatcher === undefined) throw new ConfigError(here, 'is required');
  if (matcher.metadataSource === MetadataSource.DYNAMIC) return compileDynamicMetadata(matcher.metadataMatcher, here);
  if (matcher.metadataSource !== MetadataSource.ROUTE)
    throw new ConfigError(at(path, 'metadata_source'), 'is not known');
  const test = compileMetadata(matcher.metadataMatcher, here);
  return ({ route }) => test({ get: (name) => route?.metadata[name] });
}

export function compileFilterState({ key, matcher }: FilterStateMatcher, path: string): ExchangeTest {
  if (key === '') throw new ConfigError(at(path, 'key'), 'is empty');
  if (matcher.case !== 'stringMatch') throw new ConfigError(path, 'has no string_match');
  const test = compileString(matcher.value, at(path, 'string_match'));
  return ({ filterState }) => {
    const value = filterState?.get(key);
    return value !== undefined && test(value);
  };
}
