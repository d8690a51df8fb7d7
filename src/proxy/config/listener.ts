// Listener → ListenerConfig.

import { TrafficDirection } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type {
  Filter,
  FilterChain,
  FilterChainMatch,
  ListenerFilter,
} from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { type Listener, ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { TlsInspectorSchema } from '../../xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { HttpConnectionManagerSchema } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { socketAddress } from './address.ts';
import { unpack } from './any.ts';
import { refuseUnsupported } from './check.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { decodeHttpConnection } from './http-connection.ts';
import { decodeDownstreamTls } from './tls.ts';
import type { FilterChainConfig, HttpConnectionConfig, ListenerConfig } from './types.ts';
import { plainMetadata } from './values.ts';

export function decodeListener(listener: Listener): ListenerConfig {
  refuseUnsupported(ListenerSchema, listener, '');
  if (listener.accessLog.length > 0) throw new ConfigError('access_log', 'of connections is not supported');
  const { address, port } = socketAddress(listener.address, 'address');
  const otherwise = listener.defaultFilterChain;
  const chains = mapAt(listener.filterChains, 'filter_chains', decodeChain);
  if (chains.length === 0 && otherwise === undefined) throw new ConfigError('filter_chains', 'is empty');
  return {
    name: listener.name || `${address}:${port}`,
    address,
    port,
    direction: directions[listener.trafficDirection] ?? 'unspecified',
    inspectTls: decodeInspection(listener.listenerFilters),
    chains,
    defaultChain: otherwise === undefined ? null : decodeChain(otherwise, 'default_filter_chain'),
    metadata: plainMetadata(listener.metadata),
  };
}

const directions: Readonly<Record<number, ListenerConfig['direction']>> = {
  [TrafficDirection.INBOUND]: 'inbound',
  [TrafficDirection.OUTBOUND]: 'outbound',
};

function decodeInspection(filters: readonly ListenerFilter[]): boolean {
  for (const [index, { configType }] of filters.entries()) {
    const path = `listener_filters[${index}].typed_config`;
    unpack(configType.case === 'typedConfig' ? configType.value : undefined, TlsInspectorSchema, path);
  }
  return filters.length > 0;
}

function decodeChain(chain: FilterChain, path: string): FilterChainConfig {
  return {
    name: chain.name || path,
    match: decodeMatch(chain.filterChainMatch, at(path, 'filter_chain_match')),
    tls: decodeDownstreamTls(chain.transportSocket, at(path, 'transport_socket')),
    network: { kind: 'http', http: decodeNetwork(chain.filters, at(path, 'filters')) },
  };
}

function decodeMatch(match: FilterChainMatch | undefined, path: string): FilterChainConfig['match'] {
  const transport = match?.transportProtocol ?? '';
  if (transport !== '' && transport !== 'tls' && transport !== 'raw_buffer') {
    throw new ConfigError(at(path, 'transport_protocol'), `${transport} is not supported`);
  }
  return {
    transport,
    serverNames: match?.serverNames.map((name) => name.toLowerCase()) ?? [],
    applicationProtocols: match?.applicationProtocols ?? [],
    destinationPort: match?.destinationPort ?? null,
  };
}

/** One HTTP connection manager and nothing else. */
function decodeNetwork(filters: readonly Filter[], path: string): HttpConnectionConfig {
  const [filter, more] = filters;
  if (filter === undefined) throw new ConfigError(path, 'is empty');
  if (more !== undefined) throw new ConfigError(`${path}[1]`, 'more than one network filter is not supported');
  const here = `${path}[0].typed_config`;
  const typed = filter.configType.case === 'typedConfig' ? filter.configType.value : undefined;
  return decodeHttpConnection(unpack(typed, HttpConnectionManagerSchema, here), here);
}
