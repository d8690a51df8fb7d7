// What a certificate says of its owner, in the forms matchers and headers use.
import { X509Certificate } from 'node:crypto';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { alternativeNames } from '../../lib/certificate.ts';
import type { PeerTls } from '../http/exchange.ts';

/** A peer's certificate and what it sent behind it; [] where nobody asked. */
export type PeerChain = { readonly certificate: X509Certificate; readonly issuers: readonly X509Certificate[] };

/** No longer chain is looked at. */
const LONGEST = 100;

/** undefined: it showed none. `whole`: with the issuers, which the library gives in its older form only. */
export function peerChainOf(socket: TLSSocket, whole: boolean): PeerChain | undefined {
  let current: Partial<PeerCertificate & { issuerCertificate: PeerCertificate }> = whole
    ? socket.getPeerCertificate(true)
    : {};
  // After that: asked for first, it takes the issuers away.
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const issuers: X509Certificate[] = [];
  while (issuers.length < LONGEST) {
    const next = current.issuerCertificate;
    if (next?.raw === undefined || next === current) break;
    issuers.push(new X509Certificate(next.raw));
    current = next;
  }
  return { certificate, issuers };
}

/** What an end shows of itself. */
export type LocalEnd = { readonly uriSans: readonly string[]; readonly certificate: Buffer | null };

export function peerOf(socket: TLSSocket, local: LocalEnd, serverName: string): PeerTls {
  const certificate = socket.getPeerX509Certificate();
  return {
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name ?? '',
    sni: serverName,
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '',
    uriSans: certificate === undefined ? [] : alternativeNames(certificate, 'uri'),
    dnsSans: certificate === undefined ? [] : alternativeNames(certificate, 'dns'),
    subject: subjectOf(certificate),
    fingerprint: certificate === undefined ? '' : certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    localUriSans: local.uriSans,
    certificate: certificate?.raw ?? null,
    localCertificate: local.certificate,
  };
}

/** RFC 2253 form: `CN=web,O=shop`. Node gives undefined, whatever its types say, for the empty subject that SPIFFE certificates have. */
function subjectOf(certificate: X509Certificate | undefined): string {
  const subject: string | undefined = certificate?.subject;
  return subject === undefined ? '' : subject.split('\n').reverse().join(',');
}

export function uriSans(certificate: X509Certificate): readonly string[] {
  return alternativeNames(certificate, 'uri');
}
