// Listener → ListenerConfig.
import { createHash } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import { TrafficDirection } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { type FilterChain, FilterChainSchema } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import {
  Listener_DrainType as DrainType,
  type Listener,
  ListenerSchema,
} from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { decodeAccessLogs } from '../log/decode.ts';
import { decodeSocketOrPipe } from './address.ts';
import { decodeMatch, refuseSameMatch } from './chain-match.ts';
import { compileChainMatcher } from './chain-matcher.ts';
import { refuseUnsupported } from './check.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { decodeListenerFilter } from './listener-filters.ts';
import { decodeNetwork } from './network-filters.ts';
import { decodeListenerOptions } from './socket-options.ts';
import { decodeDownstreamSocket } from './tls.ts';
import type { FilterChainConfig, ListenerConfig } from './types.ts';
import { millis, plainMetadata } from './values.ts';

const BUFFER_LIMIT = 1_048_576;
/** Accepted connections wait here while the process is busy. */
const BACKLOG = 4_096;
const FILTERS_TIMEOUT = 15_000;
/** Envoy sets no limit, which lets anybody hold connections for nothing. */
const HANDSHAKE_TIMEOUT = 15_000;

export function decodeListener(listener: Listener): ListenerConfig {
  refuseUnsupported(ListenerSchema, listener, '');
  const { address, port } = decodeSocketOrPipe(listener.address, 'address');
  const chains = mapAt(listener.filterChains, 'filter_chains', decodeChain);
  const defaultChain = listener.defaultFilterChain
    ? decodeChain(listener.defaultFilterChain, 'default_filter_chain')
    : null;
  if (chains.length === 0 && defaultChain === null) throw new ConfigError('filter_chains', 'is empty');
  const matcher = listener.filterChainMatcher;
  if (matcher === undefined) refuseSameMatch(chains);
  else refuseSameName(listener.filterChains);
  if (listener.maxConnectionsToAcceptPerSocketEvent === 0) {
    throw new ConfigError('max_connections_to_accept_per_socket_event', 'must be more than 0');
  }
  return {
    name: listener.name || `${address}:${port}`,
    statPrefix: listener.statPrefix,
    address,
    port,
    direction: decodeDirection(listener.trafficDirection),
    ...decodeSockets(listener),
    ...decodeInspection(listener),
    accessLogs: decodeAccessLogs(listener.accessLog, 'access_log'),
    chainMatcher: matcher === undefined ? null : compileChainMatcher(matcher, 'filter_chain_matcher'),
    chains,
    defaultChain,
    bufferLimit: listener.perConnectionBufferLimitBytes ?? BUFFER_LIMIT,
    metadata: plainMetadata(listener.metadata),
    exempt: { fromOverload: listener.bypassOverloadManager, fromConnectionLimit: listener.ignoreGlobalConnLimit },
    drainsUnhealthy: listener.drainType === DrainType.DEFAULT,
  };
}

/** A matcher speaks of chains by name. */
function refuseSameName(chains: readonly FilterChain[]): void {
  const seen = new Set<string>();
  chains.forEach(({ name }, i) => {
    const here = `filter_chains[${i}].name`;
    if (name === '') throw new ConfigError(here, 'is empty (hint: filter_chain_matcher names chains)');
    if (seen.has(name)) throw new ConfigError(here, `${name} is the name of another chain`);
    seen.add(name);
  });
}

function decodeChain(chain: FilterChain, path: string): FilterChainConfig {
  const network = decodeNetwork(chain.filters, at(path, 'filters'));
  const tls = decodeDownstreamSocket(chain.transportSocket, at(path, 'transport_socket'));
  // The library ends a handshake in which it may not agree on anything that it was told of: what offers nothing, agrees on nothing.
  const silent = tls !== null && network.networkFilters.some(({ shunsAlpn = '' }) => tls.alpn.includes(shunsAlpn));
  return {
    name: chain.name || path,
    fingerprint: createHash('sha256').update(toBinary(FilterChainSchema, chain)).digest('base64'),
    match: decodeMatch(chain.filterChainMatch, at(path, 'filter_chain_match')),
    tls: silent ? { ...tls, alpn: [] } : tls,
    handshakeTimeout:
      millis(chain.transportSocketConnectTimeout, 0, at(path, 'transport_socket_connect_timeout')) || HANDSHAKE_TIMEOUT,
    ...network,
  };
}

type Sockets = Pick<
  ListenerConfig,
  | 'additionalAddresses'
  | 'bound'
  | 'handsOff'
  | 'dualStack'
  | 'backlog'
  | 'oneSocket'
  | 'exactBalance'
  | 'socketOptions'
>;

function decodeSockets(listener: Listener): Sockets {
  const socket = listener.address?.address;
  const backlog = listener.tcpBacklogSize ?? BACKLOG;
  return {
    additionalAddresses: mapAt(listener.additionalAddresses, 'additional_addresses', (one, path) =>
      decodeSocketOrPipe(one.address, at(path, 'address')),
    ),
    bound: listener.bindToPort ?? listener.deprecatedV1?.bindToPort ?? true,
    handsOff: listener.useOriginalDst ?? false,
    dualStack: socket?.case === 'socketAddress' && socket.value.ipv4Compat,
    backlog,
    oneSocket: listener.enableReusePort === false,
    exactBalance: listener.connectionBalanceConfig?.balanceType.case === 'exactBalance',
    socketOptions: decodeListenerOptions(listener),
  };
}

type Inspection = Pick<ListenerConfig, 'listenerFilters' | 'filtersTimeout' | 'continueOnTimeout'>;

/** As Envoy does, the original destination is looked for where the listener uses it. Nobody looks for TLS unasked. */
function decodeInspection(listener: Listener): Inspection {
  const filters = mapAt(listener.listenerFilters, 'listener_filters', decodeListenerFilter);
  const original = (listener.useOriginalDst ?? false) && !filters.some(({ kind }) => kind === 'original-dst');
  return {
    listenerFilters: original ? [{ kind: 'original-dst', disabled: null }, ...filters] : filters,
    filtersTimeout: millis(listener.listenerFiltersTimeout, FILTERS_TIMEOUT, 'listener_filters_timeout'),
    continueOnTimeout: listener.continueOnListenerFiltersTimeout,
  };
}

function decodeDirection(direction: TrafficDirection): ListenerConfig['direction'] {
  if (direction === TrafficDirection.INBOUND) return 'inbound';
  return direction === TrafficDirection.OUTBOUND ? 'outbound' : 'unspecified';
}
