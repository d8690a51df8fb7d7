// TLS as it was spoken with the client, for Envoy's access log service (envoy.data.accesslog.v3.TLSProperties).
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type TLSProperties_CertificatePropertiesSchema,
  type TLSPropertiesSchema,
  TLSProperties_TLSVersion as TlsVersion,
} from '../../xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import type { Downstream, PeerTls } from '../http/exchange.ts';
import { issuerOfDer, subjectOfDer } from './operators/certificates.ts';

const VERSIONS: Readonly<Record<string, TlsVersion>> = {
  TLSv1: TlsVersion.TLSv1,
  'TLSv1.1': TlsVersion.TLSv1_1,
  'TLSv1.2': TlsVersion.TLSv1_2,
  'TLSv1.3': TlsVersion.TLSv1_3,
};

/** Numbers of IANA's TLS Cipher Suites registry by OpenSSL's names. */
const CIPHERS: Readonly<Record<string, number>> = {
  'AES128-SHA': 0x002f,
  'AES256-SHA': 0x0035,
  'AES128-GCM-SHA256': 0x009c,
  'AES256-GCM-SHA384': 0x009d,
  TLS_AES_128_GCM_SHA256: 0x1301,
  TLS_AES_256_GCM_SHA384: 0x1302,
  TLS_CHACHA20_POLY1305_SHA256: 0x1303,
  'ECDHE-ECDSA-AES128-SHA': 0xc009,
  'ECDHE-ECDSA-AES256-SHA': 0xc00a,
  'ECDHE-RSA-AES128-SHA': 0xc013,
  'ECDHE-RSA-AES256-SHA': 0xc014,
  'ECDHE-ECDSA-AES128-GCM-SHA256': 0xc02b,
  'ECDHE-ECDSA-AES256-GCM-SHA384': 0xc02c,
  'ECDHE-RSA-AES128-GCM-SHA256': 0xc02f,
  'ECDHE-RSA-AES256-GCM-SHA384': 0xc030,
  'ECDHE-RSA-CHACHA20-POLY1305': 0xcca8,
  'ECDHE-ECDSA-CHACHA20-POLY1305': 0xcca9,
};

export function tlsProperties(
  tls: PeerTls,
  { serverName, fingerprints }: Downstream,
): MessageInitShape<typeof TLSPropertiesSchema> {
  const cipher = CIPHERS[tls.cipher];
  return {
    tlsVersion: VERSIONS[tls.version] ?? TlsVersion.VERSION_UNSPECIFIED,
    ...(cipher === undefined ? {} : { tlsCipherSuite: cipher }),
    tlsSniHostname: serverName,
    ja3Fingerprint: fingerprints?.ja3 ?? '',
    localCertificateProperties: properties(tls.localUriSans, subjectOfDer(tls.localCertificate)),
    peerCertificateProperties: { ...properties(tls.uriSans, tls.subject), issuer: issuerOfDer(tls.certificate) },
  };
}

function properties(
  uris: readonly string[],
  subject: string,
): MessageInitShape<typeof TLSProperties_CertificatePropertiesSchema> {
  return { subjectAltName: uris.map((value) => ({ san: { case: 'uri' as const, value } })), subject };
}
