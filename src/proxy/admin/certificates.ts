// Envoy's /certs: which certificates are in use and how long they are good.
import { X509Certificate } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import type { StoredSecret } from '../discovery/secret-store.ts';

const DAY = 24 * 3600_000;

/** `now` is milliseconds since the epoch. */
export function describeCertificates(secrets: readonly StoredSecret[], now: number): JsonObject {
  const describe = (pem: string) => split(pem).map((one) => describeCertificate(new X509Certificate(one), now));
  const roots = secrets.flatMap(({ value }) => (value.kind === 'trust' ? describe(value.roots) : []));
  const chains = secrets.flatMap(({ value }) => (value.kind === 'certificate' ? [describe(value.chain)] : []));
  return { certificates: chains.map((chain) => ({ ca_cert: roots, cert_chain: chain })) };
}

function describeCertificate(certificate: X509Certificate, now: number): JsonObject {
  const names = certificate.subjectAltName?.split(', ') ?? [];
  return {
    serial_number: certificate.serialNumber.toLowerCase(),
    subject_alt_names: names.flatMap((name): JsonObject[] => {
      const [, kind, value] = /^(URI|DNS|IP Address):(.*)$/.exec(name) ?? [];
      if (kind === undefined || value === undefined) return [];
      return [kind === 'URI' ? { uri: value } : kind === 'DNS' ? { dns: value } : { ip_address: value }];
    }),
    days_until_expiration: String(Math.max(0, Math.floor((certificate.validToDate.getTime() - now) / DAY))),
    valid_from: certificate.validFromDate.toISOString(),
    expiration_time: certificate.validToDate.toISOString(),
  };
}

function split(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}
