// Listener → ListenerConfig.
import { createHash } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import { TrafficDirection } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  type FilterChain,
  type FilterChainMatch,
  FilterChainSchema,
  type ListenerFilter,
} from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { type Listener, ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { TlsInspectorSchema } from '../../xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { decodeAddress } from './address.ts';
import { unpack } from './any.ts';
import { refuseUnsupported } from './check.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { decodeNetwork } from './network-filters.ts';
import { decodeDownstreamSocket } from './tls.ts';
import type { FilterChainConfig, ListenerConfig } from './types.ts';
import { plainMetadata } from './values.ts';

const BUFFER_LIMIT = 1_048_576;

export function decodeListener(listener: Listener): ListenerConfig {
  refuseUnsupported(ListenerSchema, listener, '');
  const { address, port } = decodeAddress(listener.address, 'address');
  const chains = mapAt(listener.filterChains, 'filter_chains', decodeChain);
  const defaultChain = listener.defaultFilterChain
    ? decodeChain(listener.defaultFilterChain, 'default_filter_chain')
    : null;
  if (chains.length === 0 && defaultChain === null) throw new ConfigError('filter_chains', 'is empty');
  refuseSameMatch(chains);
  return {
    name: listener.name || `${address}:${port}`,
    address,
    port,
    direction: decodeDirection(listener.trafficDirection),
    inspectTls: hasTlsInspector(listener.listenerFilters) || chains.some(needsInspection),
    chains,
    defaultChain,
    bufferLimit: listener.perConnectionBufferLimitBytes ?? BUFFER_LIMIT,
    metadata: plainMetadata(listener.metadata),
  };
}

function decodeChain(chain: FilterChain, path: string): FilterChainConfig {
  return {
    name: chain.name || path,
    fingerprint: createHash('sha256').update(toBinary(FilterChainSchema, chain)).digest('base64'),
    match: decodeMatch(chain.filterChainMatch, at(path, 'filter_chain_match')),
    tls: decodeDownstreamSocket(chain.transportSocket, at(path, 'transport_socket')),
    ...decodeNetwork(chain.filters, at(path, 'filters')),
  };
}

function decodeMatch(match: FilterChainMatch | undefined, path: string): FilterChainConfig['match'] {
  const transport = match?.transportProtocol ?? '';
  if (transport !== '' && transport !== 'tls' && transport !== 'raw_buffer') {
    throw new ConfigError(at(path, 'transport_protocol'), `${transport} is not supported (hint: tls, raw_buffer)`);
  }
  return {
    transport,
    serverNames: mapAt(match?.serverNames ?? [], at(path, 'server_names'), decodeServerName),
    applicationProtocols: match?.applicationProtocols ?? [],
    destinationPort: match?.destinationPort ?? null,
  };
}

function decodeServerName(name: string, path: string): string {
  if (!/^(\*\.)?[^*]+$/.test(name)) throw new ConfigError(path, `${name} is neither exact nor *.suffix`);
  return name.toLowerCase();
}

/** Envoy puts the inspector in by itself where a chain cannot be chosen without it. */
function needsInspection({ match }: FilterChainConfig): boolean {
  return match.transport !== '' || match.serverNames.length + match.applicationProtocols.length > 0;
}

function hasTlsInspector(filters: readonly ListenerFilter[]): boolean {
  mapAt(filters, 'listener_filters', ({ configType }, path) => {
    if (configType.case !== 'typedConfig') throw new ConfigError(at(path, 'typed_config'), 'is required');
    unpack(configType.value, TlsInspectorSchema, at(path, 'typed_config'));
  });
  return filters.length > 0;
}

function refuseSameMatch(chains: readonly FilterChainConfig[]): void {
  const seen = new Map<string, number>();
  chains.forEach(({ match }, i) => {
    const key = JSON.stringify(match);
    const other = seen.get(key);
    if (other !== undefined) {
      throw new ConfigError(`filter_chains[${i}].filter_chain_match`, `is the same as that of filter_chains[${other}]`);
    }
    seen.set(key, i);
  });
}

function decodeDirection(direction: TrafficDirection): ListenerConfig['direction'] {
  if (direction === TrafficDirection.INBOUND) return 'inbound';
  return direction === TrafficDirection.OUTBOUND ? 'outbound' : 'unspecified';
}
