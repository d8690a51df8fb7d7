// TLS as it was spoken with the client and with the upstream, and what the certificates of both ends say.
import type { X509Certificate } from 'node:crypto';
import {
  alternativeNames,
  issuerOf,
  parseCertificate,
  type SubjectAltName,
  subjectOf,
} from '../../../lib/certificate.ts';
import type { Exchange, PeerTls, UpstreamTls } from '../../http/exchange.ts';
import { filled, type Operator, type Operators, plain, type Said } from './operator.ts';
import { compileTime } from './time.ts';

export const certificates: Operators = {
  ...plain({
    TLS_JA3_FINGERPRINT: ({ downstream }) => filled(downstream.fingerprints?.ja3),
    TLS_JA4_FINGERPRINT: ({ downstream }) => filled(downstream.fingerprints?.ja4),
    REQUESTED_SERVER_NAME: ({ downstream }) => filled(downstream.serverName),
    DOWNSTREAM_PEER_URI_SAN: ofTls((tls) => filled(tls.uriSans.join(','))),
    DOWNSTREAM_PEER_DNS_SAN: ofTls((tls) => filled(tls.dnsSans.join(','))),
    DOWNSTREAM_LOCAL_URI_SAN: ofTls((tls) => filled(tls.localUriSans.join(','))),
    DOWNSTREAM_PEER_SUBJECT: ofTls((tls) => filled(tls.subject)),
    DOWNSTREAM_PEER_FINGERPRINT_256: ofTls((tls) => filled(tls.fingerprint)),
    DOWNSTREAM_TLS_VERSION: ofTls((tls) => filled(tls.version)),
    DOWNSTREAM_TLS_CIPHER: ofTls((tls) => filled(tls.cipher)),
    DOWNSTREAM_PEER_FINGERPRINT_1: of(client, ({ fingerprint }) => fingerprint.replaceAll(':', '').toLowerCase()),
    DOWNSTREAM_PEER_SERIAL: of(client, ({ serialNumber }) => serialNumber.toLowerCase()),
    DOWNSTREAM_PEER_ISSUER: of(client, issuerOf),
    DOWNSTREAM_PEER_CERT: of(client, (certificate) => encodeURIComponent(certificate.toString())),
    DOWNSTREAM_PEER_IP_SAN: of(client, sans('ip')),
    DOWNSTREAM_PEER_EMAIL_SAN: of(client, sans('email')),
    DOWNSTREAM_LOCAL_SUBJECT: of(ownToClient, subject),
    DOWNSTREAM_LOCAL_DNS_SAN: of(ownToClient, sans('dns')),
    DOWNSTREAM_LOCAL_IP_SAN: of(ownToClient, sans('ip')),
    DOWNSTREAM_LOCAL_EMAIL_SAN: of(ownToClient, sans('email')),
    UPSTREAM_TLS_VERSION: ofUpstream((tls) => filled(tls.version)),
    UPSTREAM_TLS_CIPHER: ofUpstream((tls) => filled(tls.cipher)),
    UPSTREAM_SERVER_NAME: ofUpstream((tls) => filled(tls.sni)),
    UPSTREAM_PEER_SUBJECT: of(server, subject),
    UPSTREAM_PEER_ISSUER: of(server, issuerOf),
    UPSTREAM_PEER_CERT: of(server, (certificate) => encodeURIComponent(certificate.toString())),
    UPSTREAM_PEER_URI_SAN: of(server, sans('uri')),
    UPSTREAM_PEER_DNS_SAN: of(server, sans('dns')),
    UPSTREAM_PEER_IP_SAN: of(server, sans('ip')),
    UPSTREAM_LOCAL_URI_SAN: of(ownToServer, sans('uri')),
    UPSTREAM_LOCAL_DNS_SAN: of(ownToServer, sans('dns')),
    UPSTREAM_LOCAL_IP_SAN: of(ownToServer, sans('ip')),
  }),
  DOWNSTREAM_PEER_CERT_V_START: validity(client, ({ validFromDate }) => validFromDate),
  DOWNSTREAM_PEER_CERT_V_END: validity(client, ({ validToDate }) => validToDate),
  UPSTREAM_PEER_CERT_V_START: validity(server, ({ validFromDate }) => validFromDate),
  UPSTREAM_PEER_CERT_V_END: validity(server, ({ validToDate }) => validToDate),
};

/** The DER of a certificate that was shown on one of the two connections. */
type Shown = (exchange: Exchange) => Buffer | null | undefined;

function client({ downstream }: Exchange): ReturnType<Shown> {
  return downstream.tls?.certificate;
}

function ownToClient({ downstream }: Exchange): ReturnType<Shown> {
  return downstream.tls?.localCertificate;
}

function server({ upstream }: Exchange): ReturnType<Shown> {
  return upstream?.tls?.certificate;
}

function ownToServer({ upstream }: Exchange): ReturnType<Shown> {
  return upstream?.tls?.localCertificate;
}

function ofTls(read: (tls: PeerTls) => Said): Operator {
  return ({ downstream: { tls } }) => (tls === null ? undefined : read(tls));
}

function ofUpstream(read: (tls: UpstreamTls) => Said): Operator {
  return ({ upstream }) => (upstream === null || upstream.tls === null ? undefined : read(upstream.tls));
}

function of(shown: Shown, read: (certificate: X509Certificate) => Said): Operator {
  return (exchange) => {
    const der = shown(exchange);
    return der === null || der === undefined ? undefined : read(parseCertificate(der));
  };
}

function validity(shown: Shown, moment: (certificate: X509Certificate) => Date): Operators[string] {
  return (parameter, path) => {
    const write = compileTime(parameter ?? '%Y-%m-%dT%H:%M:%S.000Z', path, 'utc');
    return of(shown, (certificate) => write(moment(certificate).getTime()));
  };
}

function subject(certificate: X509Certificate): string | undefined {
  return filled(subjectOf(certificate));
}

export function subjectOfDer(der: Buffer | null): string {
  return der === null ? '' : subjectOf(parseCertificate(der));
}

export function issuerOfDer(der: Buffer | null): string {
  return der === null ? '' : issuerOf(parseCertificate(der));
}

function sans(type: SubjectAltName['type']): (certificate: X509Certificate) => string | undefined {
  return (certificate) => filled(alternativeNames(certificate, type).join(','));
}
