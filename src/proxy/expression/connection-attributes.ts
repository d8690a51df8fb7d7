// `connection.*`, `upstream.*`, `source.*` and `destination.*`.
import { alternativeNames, parseCertificate, subjectOf } from '../../lib/certificate.ts';
import type { PeerTls, SocketName, UpstreamTls } from '../http/exchange.ts';
import { clientOf, nameOf } from '../http/socket-name.ts';
import { cel } from './library.ts';
import { localityMessage } from './messages.ts';
import { type Attribute, filled, type Members, type Seen } from './seen.ts';

export const connectionAttributes: Members<Seen> = {
  mtls: ({ exchange }) => exchange.downstream.tls?.certificate instanceof Uint8Array,
  requested_server_name: ({ exchange }) => exchange.downstream.serverName,
  id: ({ exchange }) => cel().celUint(BigInt(exchange.downstream.id)),
  termination_details: ({ exchange }) => filled(exchange.terminationDetails),
  /** Of handshakes that failed: those have no exchange. */
  transport_failure_reason: () => undefined,
  ...certificates(({ exchange }) => exchange.downstream.tls),
};

export const upstreamAttributes: Members<Seen> = {
  address: ({ exchange }) => exchange.endpoint?.name,
  port: ({ exchange: { endpoint } }) =>
    endpoint === null || endpoint.address.startsWith('/') ? undefined : BigInt(endpoint.port),
  local_address: ({ exchange: { upstream } }) => (upstream === null ? undefined : nameOf(upstream.local)),
  locality: ({ exchange: { endpoint } }) => (endpoint === null ? undefined : localityMessage(endpoint.locality)),
  transport_failure_reason: ({ exchange }) => (exchange.endpoint === null ? undefined : exchange.upstreamFailure),
  request_attempt_count: ({ exchange }) => cel().celUint(BigInt(exchange.attempts)),
  ...certificates(({ exchange }) => exchange.upstream?.tls ?? null),
};

export const sourceAttributes: Members<Seen> = end(({ exchange }) => clientOf(exchange));

export const destinationAttributes: Members<Seen> = end(({ exchange }) => exchange.downstream.local);

function end(of: (seen: Seen) => SocketName): Members<Seen> {
  return {
    address: (seen) => nameOf(of(seen)),
    port(seen) {
      const { address, port } = of(seen);
      return address.startsWith('/') ? undefined : BigInt(port);
    },
  };
}

/** Of the certificates of both ends the first name of each kind. */
function certificates(of: (seen: Seen) => PeerTls | UpstreamTls | null): Members<Seen> {
  const shown = (whose: 'certificate' | 'localCertificate') => (seen: Seen) => {
    const der = of(seen)?.[whose] ?? null;
    return der === null ? null : parseCertificate(der);
  };
  const [peer, local] = [shown('certificate'), shown('localCertificate')];
  const named =
    (whose: typeof peer, type: 'uri' | 'dns') =>
    (seen: Seen): Attribute => {
      const certificate = whose(seen);
      return certificate === null ? undefined : alternativeNames(certificate, type)[0];
    };
  const subject =
    (whose: typeof peer) =>
    (seen: Seen): Attribute => {
      const certificate = whose(seen);
      if (certificate !== null) return subjectOf(certificate);
      return of(seen) === null ? undefined : '';
    };
  return {
    tls_version: (seen) => of(seen)?.version,
    subject_peer_certificate: subject(peer),
    subject_local_certificate: subject(local),
    uri_san_peer_certificate: named(peer, 'uri'),
    uri_san_local_certificate: named(local, 'uri'),
    dns_san_peer_certificate: named(peer, 'dns'),
    dns_san_local_certificate: named(local, 'dns'),
    sha256_peer_certificate_digest: (seen) => peer(seen)?.fingerprint256.replaceAll(':', '').toLowerCase(),
    /** PEM */
    peer_certificate: (seen) => peer(seen)?.toString(),
  };
}
