// Where a referenced resource comes from.
import { ApiConfigSource_ApiType, type ConfigSource } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import { at, ConfigError } from './config-error.ts';

/** The gRPC cluster, 'ads', or a file path. */
export function decodeSource(source: ConfigSource | undefined, path: string): string {
  const specifier = source?.configSourceSpecifier;
  switch (specifier?.case) {
    case 'ads':
      return 'ads';
    case 'path':
      return specifier.value;
    case 'pathConfigSource':
      return specifier.value.path;
    case 'apiConfigSource': {
      const here = at(path, 'api_config_source');
      const { apiType, grpcServices } = specifier.value;
      if (apiType !== ApiConfigSource_ApiType.GRPC) throw new ConfigError(at(here, 'api_type'), 'must be GRPC');
      const target = grpcServices[0]?.targetSpecifier;
      if (grpcServices.length !== 1 || target?.case !== 'envoyGrpc' || target.value.clusterName === '') {
        throw new ConfigError(at(here, 'grpc_services'), 'must be one envoy_grpc with a cluster_name');
      }
      return target.value.clusterName;
    }
    default:
      throw new ConfigError(path, 'has no supported source');
  }
}

/** For what only the stream that brought the referring resource can bring. */
export function requireAds(source: ConfigSource | undefined, path: string): void {
  if (source?.configSourceSpecifier.case !== 'ads') throw new ConfigError(path, 'must be ads');
}
