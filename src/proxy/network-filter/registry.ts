// The network filters there are, by type of configuration. Their order in a chain is the configuration's.
import type { Any } from '@bufbuild/protobuf/wkt';
import { ConnectionLimitSchema } from '../../xds/gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.ts';
import { ExtAuthzSchema } from '../../xds/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts';
import { LocalRateLimitSchema } from '../../xds/gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts';
import { RateLimitSchema } from '../../xds/gen/envoy/extensions/filters/network/ratelimit/v3/rate_limit_pb.ts';
import { RBACSchema } from '../../xds/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { ConfigSchema as FilterStateSchema } from '../../xds/gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.ts';
import { SniClusterSchema } from '../../xds/gen/envoy/extensions/filters/network/sni_cluster/v3/sni_cluster_pb.ts';
import { MetadataExchangeSchema } from '../../xds/gen/istio/metadata_exchange/config_pb.ts';
import { PluginConfigSchema } from '../../xds/gen/istio/stats/config_pb.ts';
import { typeNameOf, unpack, unsupportedType } from '../config/any.ts';
import { createConnectionLimit } from './connection-limit.ts';
import { createNetworkExtAuthz } from './ext-authz.ts';
import type { NetworkFilter } from './filter.ts';
import { createSetFilterState, createSniCluster } from './filter-state.ts';
import { createIstioStats, createMetadataExchange } from './istio.ts';
import { createLocalRateLimit } from './local-rate-limit.ts';
import { createNetworkRateLimit } from './rate-limit.ts';
import { createNetworkRbac } from './rbac.ts';

/** Throws ConfigError. */
export function compileNetworkFilter(config: Any, name: string, path: string): NetworkFilter {
  switch (typeNameOf(config)) {
    case RBACSchema.typeName:
      return createNetworkRbac(unpack(config, RBACSchema, path), name, path);
    case ExtAuthzSchema.typeName:
      return createNetworkExtAuthz(unpack(config, ExtAuthzSchema, path), name, path);
    case ConnectionLimitSchema.typeName:
      return createConnectionLimit(unpack(config, ConnectionLimitSchema, path), name, path);
    case LocalRateLimitSchema.typeName:
      return createLocalRateLimit(unpack(config, LocalRateLimitSchema, path), name, path);
    case RateLimitSchema.typeName:
      return createNetworkRateLimit(unpack(config, RateLimitSchema, path), name, path);
    case SniClusterSchema.typeName:
      unpack(config, SniClusterSchema, path);
      return createSniCluster(name);
    case FilterStateSchema.typeName:
      return createSetFilterState(unpack(config, FilterStateSchema, path), name, path);
    case PluginConfigSchema.typeName:
      return createIstioStats(unpack(config, PluginConfigSchema, path), name, path);
    case MetadataExchangeSchema.typeName:
      return createMetadataExchange(unpack(config, MetadataExchangeSchema, path), name, path);
    default:
      throw unsupportedType(config, path);
  }
}
