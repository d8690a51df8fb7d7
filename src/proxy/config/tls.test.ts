import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { DownstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { chain, inline, listener, packed } from '../testing/resources.ts';

describe('tls', () => {
  const downstream = (context: JsonObject, more: JsonObject = {}) => ({
    filter_chains: [
      chain(
        {},
        {
          transport_socket: {
            name: 't',
            typed_config: packed(DownstreamTlsContextSchema, { common_tls_context: context, ...more }),
          },
        },
      ),
    ],
  });
  const certificate = { certificate_chain: inline('CHAIN'), private_key: inline('KEY') };
  const grpc = {
    api_config_source: { api_type: 'GRPC', grpc_services: [{ envoy_grpc: { cluster_name: 'sds-grpc' } }] },
  };
  const own = { kind: 'inline', secret: { kind: 'certificate', chain: 'CHAIN', key: 'KEY' } };

  test('inline, with names that are accepted', () => {
    const san = (san_type: string, matcher: JsonObject) => ({ san_type, matcher });
    const context = {
      tls_certificates: [certificate],
      tls_params: { tls_minimum_protocol_version: 'TLSv1_3' },
      alpn_protocols: ['http/1.1'],
      validation_context: {
        trusted_ca: inline('ROOTS'),
        match_typed_subject_alt_names: [san('URI', { prefix: 'spiffe://a/' }), san('DNS', { exact: 'b' })],
        match_subject_alt_names: [{ exact: 'c' }],
      },
    };
    const tls = listener(downstream(context, { require_client_certificate: true })).chains[0]!.tls!;
    expect(tls).toMatchObject({
      certificate: own,
      requireClientCertificate: true,
      alpn: ['http/1.1'],
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      validation: { trust: { kind: 'inline', secret: { kind: 'trust', roots: 'ROOTS' } } },
    });
    const { sans } = tls.validation!;
    expect(sans.map(({ type }) => type)).toEqual(['uri', 'dns', 'any']);
    expect([sans[0]!.matches('spiffe://a/x'), sans[0]!.matches('spiffe://b/x')]).toEqual([true, false]);
  });

  test.each<[name: string, sds: JsonObject, source: string]>([
    ['a gRPC cluster', { sds_config: grpc }, 'sds-grpc'],
    ['the stream', { sds_config: { ads: {} } }, 'ads'],
    ['a file', { sds_config: { path_config_source: { path: '/s.yaml' } } }, '/s.yaml'],
    ['the bootstrap', {}, ''],
  ])('a secret of %s', (_name, sds, source) => {
    const context = {
      tls_certificate_sds_secret_configs: [{ name: 'default', ...sds }],
      combined_validation_context: {
        default_validation_context: { match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: 'x' } }] },
        validation_context_sds_secret_config: { name: 'ROOTCA', ...sds },
      },
    };
    const { certificate: cert, validation } = listener(downstream(context)).chains[0]!.tls!;
    expect(cert).toEqual({ kind: 'sds', name: 'default', source });
    expect(validation).toMatchObject({ trust: { kind: 'sds', name: 'ROOTCA', source }, sans: [{ type: 'uri' }] });
  });

  const here = 'filter_chains[0].transport_socket.typed_config';
  test.each<[name: string, context: JsonObject, more: JsonObject, wants: string]>([
    ['no certificate', {}, {}, `${here}.common_tls_context: has no certificate`],
    [
      'two certificates',
      { tls_certificates: [certificate, certificate] },
      {},
      `${here}.common_tls_context.tls_certificates: more than one`,
    ],
    [
      'nothing to verify by',
      { tls_certificates: [certificate] },
      { require_client_certificate: true },
      `${here}.require_client_certificate: needs a validation context`,
    ],
    [
      'names without a trust bundle',
      { tls_certificates: [certificate], validation_context: {} },
      {},
      `${here}.common_tls_context.validation_context.trusted_ca: is empty`,
    ],
    [
      'pinning',
      { tls_certificates: [certificate], validation_context: { verify_certificate_hash: ['x'] } },
      {},
      `${here}.common_tls_context.validation_context.verify_certificate_hash: is not supported`,
    ],
    [
      'old versions',
      { tls_certificates: [certificate], tls_params: { tls_minimum_protocol_version: 'TLSv1_1' } },
      {},
      `${here}.common_tls_context.tls_params.tls_minimum_protocol_version: is older`,
    ],
    [
      'cipher suites',
      { tls_params: { cipher_suites: ['x'] } },
      {},
      `${here}.common_tls_context.tls_params.cipher_suites: is not supported`,
    ],
    [
      'names of other kinds',
      {
        tls_certificates: [certificate],
        validation_context: {
          trusted_ca: inline('R'),
          match_typed_subject_alt_names: [{ san_type: 'EMAIL', matcher: { exact: 'x' } }],
        },
      },
      {},
      `${here}.common_tls_context.validation_context.match_typed_subject_alt_names[0].san_type: is not supported`,
    ],
    [
      'a file that is not there',
      { tls_certificates: [{ certificate_chain: { filename: '/none' }, private_key: inline('K') }] },
      {},
      `${here}.common_tls_context.tls_certificates[0].certificate_chain.filename: cannot be read`,
    ],
    [
      'require_sni',
      { tls_certificates: [certificate] },
      { require_sni: true },
      `${here}.require_sni: is not supported`,
    ],
  ])('refuses %s', (_name, context, more, wants) => {
    expect(() => listener(downstream(context, more))).toThrow(wants);
  });

  test('no private key in the message of an error', () => {
    const broken = { certificate_chain: { filename: '/none' }, private_key: inline('SECRET') };
    expect(() => listener(downstream({ tls_certificates: [broken] }))).not.toThrow('SECRET');
  });
});
