// How a gRPC client connects: plain text, or TLS that checks the server's name also where the target is an IP address.

import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js';
import { uriSansOf } from './peer.ts';

/** The library, loaded with the first connection: a proxy without a control plane never needs it. */
export type Grpc = typeof import('@grpc/grpc-js');

export type Channel = {
  readonly credentials: (grpc: Grpc) => ChannelCredentials;
  readonly options: ChannelOptions;
};

/** PEM. */
export type TlsMaterial = {
  readonly roots: string;
  /** Shown when the server asks for a certificate. */
  readonly client: { readonly chain: string; readonly key: string } | null;
  /** URI SANs of which the server's certificate must have one; without any it must name the host. */
  readonly serverUris?: readonly string[];
};

export const plaintextChannel: Channel = { credentials: (grpc) => grpc.credentials.createInsecure(), options: {} };

/** `address` is `host:port`. */
export function tlsChannel(address: string, { roots, client, serverUris = [] }: TlsMaterial): Channel {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  const check = {
    checkServerIdentity: (_: string, certificate: PeerCertificate): Error | undefined =>
      serverUris.length === 0 ? checkServerIdentity(host, certificate) : checkUris(certificate, serverUris),
  };
  const key = client && Buffer.from(client.key);
  const chain = client && Buffer.from(client.chain);
  return {
    credentials: (grpc) => grpc.credentials.createSsl(Buffer.from(roots), key, chain, check),
    // RFC 6066 section 3 forbids IP addresses as server names; the check above is against the address all the same.
    options: isIP(host) === 0 ? {} : { 'grpc.ssl_target_name_override': 'localhost' },
  };
}

function checkUris(certificate: PeerCertificate, allowed: readonly string[]): Error | undefined {
  const uris = uriSansOf(new X509Certificate(certificate.raw));
  if (uris.some((uri) => allowed.includes(uri))) return undefined;
  return new Error(`the server is ${uris.join(', ') || 'nobody'} by its certificate, not ${allowed.join(' or ')}`);
}
