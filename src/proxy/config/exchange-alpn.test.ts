// Istio's filter of connections without HTTP: what it would speak is never agreed on in a handshake, on either side.
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { types } from '../../xds/descriptors/types.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { cluster } from '../testing/resources.ts';
import { decoders } from './decoders.ts';

const EXCHANGE = 'istio-peer-exchange';
const exchange = (fields: JsonObject = { protocol: EXCHANGE, enable_discovery: true }): JsonObject => ({
  name: 'istio.metadata_exchange',
  typed_config: {
    '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct',
    type_url: 'type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange',
    value: fields,
  },
});
const tls = (side: 'Upstream' | 'Downstream', alpn: string[], more: JsonObject = {}): JsonObject => ({
  name: 'envoy.transport_sockets.tls',
  typed_config: {
    '@type': `type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.${side}TlsContext`,
    common_tls_context: { alpn_protocols: alpn, ...more },
  },
});

describe('clusters', () => {
  const alpnOf = (change: JsonObject) =>
    cluster({ transport_socket: tls('Upstream', [EXCHANGE, 'istio']), ...change }).tls[0]?.tls?.alpn;
  test.each<[what: string, change: JsonObject, alpn: readonly string[]]>([
    ['with the filter', { filters: [exchange()] }, ['istio']],
    ['without it', {}, [EXCHANGE, 'istio']],
    ['with it for another protocol', { filters: [exchange({ protocol: 'x' })] }, [EXCHANGE, 'istio']],
  ])('%s', (_what, change, alpn) => {
    expect(alpnOf(change)).toEqual(alpn);
  });

  test.each<[filter: JsonObject, wants: string]>([
    [exchange({}), 'filters[0].typed_config.protocol: is empty'],
    [{ name: 'x' }, 'filters[0].typed_config: is required'],
  ])('refused: %j', (filter, wants) => {
    expect(() => cluster({ filters: [filter] })).toThrow(wants);
  });
});

describe('listeners', () => {
  const certificates = { tls_certificate_sds_secret_configs: [{ name: 'default', sds_config: { ads: {} } }] };
  const alpnOf = (filters: JsonObject[]) => {
    const proxy = {
      name: 'tcp',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
        stat_prefix: 't',
        cluster: 'c',
      },
    };
    const chain = { filters: [...filters, proxy], transport_socket: tls('Downstream', [EXCHANGE, 'h2'], certificates) };
    const address = { socket_address: { address: '127.0.0.1', port_value: 1 } };
    const listener = fromJson(ListenerSchema, { name: 'l', address, filter_chains: [chain] }, { registry: types });
    return decoders.decodeListener(listener).chains[0]?.tls?.alpn;
  };
  test.each<[what: string, filters: JsonObject[], alpn: readonly string[]]>([
    ['with the filter nothing is offered: who asks for other protocols is served, too', [exchange()], []],
    ['without it', [], [EXCHANGE, 'h2']],
    ['with it for another protocol', [exchange({ protocol: 'x' })], [EXCHANGE, 'h2']],
  ])('%s', (_what, filters, alpn) => {
    expect(alpnOf(filters)).toEqual(alpn);
  });
});
