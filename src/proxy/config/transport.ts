// The transport socket of a cluster: plain or TLS, with a PROXY header before or without.
import type { TransportSocket } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { ProxyProtocolUpstreamTransportSchema } from '../../xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts';
import { typeNameOf, unpack } from './any.ts';
import { at, ConfigError } from './config-error.ts';
import { decodeProxyHeader } from './proxy-header.ts';
import { decodeUpstreamSocket } from './tls.ts';
import type { TransportChoice } from './types.ts';

export function decodeUpstreamTransport(
  socket: TransportSocket | undefined,
  path: string,
): Pick<TransportChoice, 'tls' | 'proxyHeader'> {
  const config = socket?.configType.value;
  if (config === undefined || typeNameOf(config) !== ProxyProtocolUpstreamTransportSchema.typeName) {
    return { tls: decodeUpstreamSocket(socket, path), proxyHeader: null };
  }
  const here = at(path, 'typed_config');
  const { config: header, transportSocket } = unpack(config, ProxyProtocolUpstreamTransportSchema, here);
  if (transportSocket === undefined) throw new ConfigError(at(here, 'transport_socket'), 'is required');
  return {
    tls: decodeUpstreamSocket(transportSocket, at(here, 'transport_socket')),
    proxyHeader: decodeProxyHeader(header, at(here, 'config')),
  };
}
