import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
      certificates: [own],
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

  test('ciphers, curves, signatures and sessions', () => {
    const tls_params = {
      cipher_suites: ['[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]', 'AES128-SHA:AES256-SHA'],
      ecdh_curves: ['P-256', 'P-384'],
      signature_algorithms: ['ecdsa_secp256r1_sha256'],
    };
    const keys = [{ inline_bytes: Buffer.alloc(80, 1).toString('base64') }];
    const tls = listener(
      downstream(
        { tls_certificates: [certificate], tls_params },
        { session_ticket_keys: { keys }, session_timeout: '90s' },
      ),
    ).chains[0]!.tls!;
    expect(tls.ciphers.split(':').slice(3)).toEqual([
      'ECDHE-ECDSA-AES128-GCM-SHA256',
      'ECDHE-ECDSA-CHACHA20-POLY1305',
      'AES128-SHA',
      'AES256-SHA',
    ]);
    expect(tls.curves).toBe('P-256:P-384');
    expect(tls.signatureAlgorithms).toBe('ecdsa_secp256r1_sha256');
    expect(tls.sessions).toMatchObject({ tickets: true, timeout: 90 });
    expect(tls.sessions.ticketKeys).toHaveLength(48);
    const without = { disable_stateless_session_resumption: true };
    expect(listener(downstream({ tls_certificates: [certificate] }, without)).chains[0]!.tls!.sessions.tickets).toBe(
      false,
    );
  });

  test('what is asked of names, and where keys are written', () => {
    const key_log = { path: '/k', remote_address_range: [{ address_prefix: '10.0.0.0', prefix_len: 8 }] };
    const given = downstream({ tls_certificates: [certificate], key_log }, { require_sni: true });
    const { requiresServerName, keyLog } = listener(given).chains[0]!.tls!;
    expect(requiresServerName).toBe(true);
    expect([keyLog!.local, keyLog!.remote!('10.1.2.3'), keyLog!.remote!('11.1.2.3')]).toEqual([null, true, false]);
    const plain = listener(downstream({ tls_certificates: [certificate] })).chains[0]!.tls!;
    expect([plain.requiresServerName, plain.keyLog]).toEqual([false, null]);
  });

  test('a wildcard of the certificate stands for one label of the name that is asked for', () => {
    const san = { san_type: 'DNS', matcher: { exact: 'a.shop.example' } };
    const context = {
      tls_certificates: [certificate],
      validation_context: { trusted_ca: inline('R'), match_typed_subject_alt_names: [san] },
    };
    const [accepts] = listener(downstream(context)).chains[0]!.tls!.validation!.sans;
    const names = ['a.shop.example', 'A.SHOP.example', '*.shop.example', '*.example', 'b.shop.example'];
    expect(names.map((name) => accepts!.matches(name))).toEqual([true, true, true, false, false]);
  });

  test.each<[name: string, sds: JsonObject, key: string]>([
    ['a gRPC cluster', { sds_config: grpc }, 'sds-grpc'],
    ['the stream', { sds_config: { ads: {} } }, 'ads'],
    ['a file', { sds_config: { path_config_source: { path: '/s.yaml' } } }, '/s.yaml'],
    ['the bootstrap', {}, ''],
  ])('a secret of %s', (_name, sds, key) => {
    const context = {
      tls_certificate_sds_secret_configs: [{ name: 'default', ...sds }],
      combined_validation_context: {
        default_validation_context: { match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: 'x' } }] },
        validation_context_sds_secret_config: { name: 'ROOTCA', ...sds },
      },
    };
    const { certificates, validation } = listener(downstream(context)).chains[0]!.tls!;
    expect(certificates).toEqual([{ kind: 'sds', name: 'default', source: expect.objectContaining({ key }) }]);
    expect(validation).toMatchObject({
      trust: { kind: 'sds', name: 'ROOTCA', source: { key } },
      sans: [{ type: 'uri' }],
    });
  });

  const here = 'filter_chains[0].transport_socket.typed_config';
  test.each<[name: string, context: JsonObject, more: JsonObject, wants: string]>([
    ['no certificate', {}, {}, `${here}.common_tls_context: has no certificate`],
    [
      'certificates of both sorts',
      { tls_certificates: [certificate], tls_certificate_sds_secret_configs: [{ name: 'x' }] },
      {},
      `${here}.common_tls_context.tls_certificates: is set beside`,
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
      'a hash that is none',
      { tls_certificates: [certificate], validation_context: { verify_certificate_hash: ['x'] } },
      {},
      `${here}.common_tls_context.validation_context.verify_certificate_hash[0]: is not a SHA-256`,
    ],
    [
      'signed timestamps',
      {
        tls_certificates: [certificate],
        validation_context: { trusted_ca: inline('R'), require_signed_certificate_timestamp: true },
      },
      {},
      `${here}.common_tls_context.validation_context.require_signed_certificate_timestamp: is not supported`,
    ],
    [
      'old versions',
      { tls_certificates: [certificate], tls_params: { tls_minimum_protocol_version: 'TLSv1_1' } },
      {},
      `${here}.common_tls_context.tls_params.tls_minimum_protocol_version: is older`,
    ],
    [
      'cipher suites',
      { tls_certificates: [certificate], tls_params: { cipher_suites: ['[AES128-SHA|x]'] } },
      {},
      `${here}.common_tls_context.tls_params.cipher_suites: x is not a cipher of TLS 1.2`,
    ],
    [
      'curves',
      { tls_certificates: [certificate], tls_params: { ecdh_curves: ['P-111'] } },
      {},
      `${here}.common_tls_context.tls_params.ecdh_curves[0]: P-111 is not supported`,
    ],
    [
      'strict stapling',
      { tls_certificates: [certificate] },
      { ocsp_staple_policy: 'MUST_STAPLE' },
      `${here}.ocsp_staple_policy: needs an ocsp_staple of each certificate`,
    ],
    [
      'a short ticket key',
      { tls_certificates: [certificate] },
      { session_ticket_keys: { keys: [{ inline_bytes: 'AAAA' }] } },
      `${here}.session_ticket_keys.keys[0]: is not 80 bytes long`,
    ],
    [
      'names of other kinds',
      {
        tls_certificates: [certificate],
        validation_context: {
          trusted_ca: inline('R'),
          match_typed_subject_alt_names: [{ san_type: 'OTHER_NAME', oid: '1.2', matcher: { exact: 'x' } }],
        },
      },
      {},
      `${here}.common_tls_context.validation_context.match_typed_subject_alt_names[0].oid: is not supported`,
    ],
    [
      'a file that is not there',
      { tls_certificates: [{ certificate_chain: { filename: '/none' }, private_key: inline('K') }] },
      {},
      `${here}.common_tls_context.tls_certificates[0].certificate_chain.filename: cannot be read`,
    ],
    [
      'a list of authorities that is not told',
      {
        tls_certificates: [certificate],
        validation_context: { trusted_ca: inline('R'), suppress_client_ca_list: true },
      },
      {},
      `${here}.common_tls_context.validation_context.suppress_client_ca_list: is not supported`,
    ],
    [
      'a policy that OpenSSL does not have',
      { tls_certificates: [certificate], tls_params: { compliance_policies: ['CNSA2_202603'] } },
      {},
      `${here}.common_tls_context.tls_params.compliance_policies: is not supported (hint: FIPS_202205)`,
    ],
    [
      'a log of keys without a name',
      { tls_certificates: [certificate], key_log: {} },
      {},
      `${here}.common_tls_context.key_log.path: is empty`,
    ],
    [
      'a range of no addresses',
      {
        tls_certificates: [certificate],
        key_log: { path: '/k', remote_address_range: [{ address_prefix: 'x', prefix_len: 8 }] },
      },
      {},
      `${here}.common_tls_context.key_log.remote_address_range[0]: is no range of addresses`,
    ],
  ])('refuses %s', (_name, context, more, wants) => {
    expect(() => listener(downstream(context, more))).toThrow(wants);
  });

  test('no private key in the message of an error', () => {
    const broken = { certificate_chain: { filename: '/none' }, private_key: inline('SECRET') };
    expect(() => listener(downstream({ tls_certificates: [broken] }))).not.toThrow('SECRET');
  });

  test('files are followed where a folder to watch is named', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tulle-tls-'));
    const file = (name: string) => {
      writeFileSync(join(folder, name), name);
      return { filename: join(folder, name) };
    };
    const own = { certificate_chain: file('chain'), private_key: file('key') };
    const certificates = (more: JsonObject) =>
      listener(downstream({ tls_certificates: [{ ...own, ...more }] })).chains[0]!.tls!.certificates;
    expect(certificates({})).toMatchObject([{ kind: 'inline', secret: { chain: 'chain', key: 'key' } }]);
    const [ref] = certificates({ watched_directory: { path: folder } });
    expect(ref).toMatchObject({ kind: 'files', files: [join(folder, 'chain'), join(folder, 'key')] });
    writeFileSync(join(folder, 'key'), 'other');
    expect(ref?.kind === 'files' && ref.read()).toMatchObject({ chain: 'chain', key: 'other' });
    rmSync(folder, { recursive: true });
  });
});
