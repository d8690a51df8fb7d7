// TLS as the downstream peer spoke it, and what its certificate says.
import { X509Certificate } from 'node:crypto';
import type { Exchange, PeerTls } from '../../http/exchange.ts';
import { filled, type Operator, type Operators, plain, type Said } from './operator.ts';
import { compileTime } from './time.ts';

export const certificates: Operators = {
  ...plain({
    REQUESTED_SERVER_NAME: ({ downstream }) => filled(downstream.serverName),
    DOWNSTREAM_PEER_URI_SAN: ofTls((tls) => filled(tls.uriSans.join(','))),
    DOWNSTREAM_PEER_DNS_SAN: ofTls((tls) => filled(tls.dnsSans.join(','))),
    DOWNSTREAM_LOCAL_URI_SAN: ofTls((tls) => filled(tls.localUriSans.join(','))),
    DOWNSTREAM_PEER_SUBJECT: ofTls((tls) => filled(tls.subject)),
    DOWNSTREAM_PEER_FINGERPRINT_256: ofTls((tls) => filled(tls.fingerprint)),
    DOWNSTREAM_TLS_VERSION: ofTls((tls) => filled(tls.version)),
    DOWNSTREAM_TLS_CIPHER: ofTls((tls) => filled(tls.cipher)),
    DOWNSTREAM_PEER_FINGERPRINT_1: ofCertificate(({ fingerprint }) => fingerprint.replaceAll(':', '').toLowerCase()),
    DOWNSTREAM_PEER_SERIAL: ofCertificate(({ serialNumber }) => serialNumber.toLowerCase()),
    DOWNSTREAM_PEER_ISSUER: ofCertificate(({ issuer }) => issuer.split('\n').reverse().join(',')),
    DOWNSTREAM_PEER_CERT: ofCertificate((certificate) => encodeURIComponent(certificate.toString())),
  }),
  DOWNSTREAM_PEER_CERT_V_START: validity(({ validFromDate }) => validFromDate),
  DOWNSTREAM_PEER_CERT_V_END: validity(({ validToDate }) => validToDate),
};

function ofTls(read: (tls: PeerTls) => Said): Operator {
  return ({ downstream: { tls } }) => (tls === null ? undefined : read(tls));
}

function ofCertificate(read: (certificate: X509Certificate) => Said): Operator {
  return (exchange) => {
    const certificate = certificateOf(exchange);
    return certificate === null ? undefined : read(certificate);
  };
}

function validity(moment: (certificate: X509Certificate) => Date): Operators[string] {
  return (parameter, path) => {
    const write = compileTime(parameter ?? '%Y-%m-%dT%H:%M:%S.000Z', path, 'utc');
    return ofCertificate((certificate) => write(moment(certificate).getTime()));
  };
}

/** Parsed once per connection, and only where a format asks. */
const parsed = new WeakMap<PeerTls, X509Certificate>();

function certificateOf({ downstream: { tls } }: Exchange): X509Certificate | null {
  if (tls === null || tls.certificate === null) return null;
  let certificate = parsed.get(tls);
  if (certificate === undefined) {
    certificate = new X509Certificate(tls.certificate);
    parsed.set(tls, certificate);
  }
  return certificate;
}
