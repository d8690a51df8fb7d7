// The network filters of a chain: those that admit connections, and the last one, which serves them.
import type { Any } from '@bufbuild/protobuf/wkt';
import type { Filter } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { ConfigSchema as RespondSchema } from '../../xds/gen/envoy/extensions/filters/network/direct_response/v3/config_pb.ts';
import { EchoSchema } from '../../xds/gen/envoy/extensions/filters/network/echo/v3/echo_pb.ts';
import { HttpConnectionManagerSchema } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { TcpProxySchema } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import type { NetworkFilter } from '../network-filter/filter.ts';
import { compileNetworkFilter } from '../network-filter/registry.ts';
import { typeNameOf, unpack } from './any.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { decodeHttpConnection } from './http-connection.ts';
import { decodeTcpProxy } from './tcp-proxy.ts';
import type { FilterChainConfig } from './types.ts';
import { readSource } from './values.ts';

type Network = Pick<FilterChainConfig, 'network' | 'networkFilters'>;

export function decodeNetwork(filters: readonly Filter[], path: string): Network {
  const last = filters.at(-1);
  if (last === undefined) throw new ConfigError(path, 'is empty');
  const here = `${path}[${filters.length - 1}]`;
  const network = decodeTerminal(configOf(last, here), at(here, 'typed_config'));
  return { network, networkFilters: mapAt(filters.slice(0, -1), path, decodeFilter) };
}

function decodeTerminal(config: Any, path: string): FilterChainConfig['network'] {
  switch (typeNameOf(config)) {
    case HttpConnectionManagerSchema.typeName:
      return { kind: 'http', http: decodeHttpConnection(unpack(config, HttpConnectionManagerSchema, path), path) };
    case TcpProxySchema.typeName:
      return { kind: 'tcp', tcp: decodeTcpProxy(unpack(config, TcpProxySchema, path), path) };
    case EchoSchema.typeName:
      unpack(config, EchoSchema, path);
      return { kind: 'echo' };
    case RespondSchema.typeName: {
      const { response } = unpack(config, RespondSchema, path);
      return { kind: 'respond', body: response ? Buffer.from(readSource(response, at(path, 'response'))) : EMPTY };
    }
    default:
      throw new ConfigError(
        path,
        `${typeNameOf(config) || '(none)'} cannot be last (hint: tcp_proxy, http_connection_manager)`,
      );
  }
}

const EMPTY = Buffer.alloc(0);
const TERMINAL: ReadonlySet<string> = new Set([
  HttpConnectionManagerSchema.typeName,
  TcpProxySchema.typeName,
  EchoSchema.typeName,
  RespondSchema.typeName,
]);

function decodeFilter(filter: Filter, path: string): NetworkFilter {
  const config = configOf(filter, path);
  if (TERMINAL.has(typeNameOf(config))) throw new ConfigError(path, 'must be the last filter');
  return compileNetworkFilter(config, filter.name, at(path, 'typed_config'));
}

function configOf({ name, configType }: Filter, path: string): Any {
  if (name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  if (configType.case !== 'typedConfig') throw new ConfigError(at(path, 'typed_config'), 'is required');
  return configType.value;
}
