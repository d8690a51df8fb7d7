// How a gRPC client connects: plain text, or TLS that checks the server's name also where the target is an IP address.
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js';

export type Channel = { readonly credentials: ChannelCredentials; readonly options: ChannelOptions };

/** PEM. `client` is shown when the server asks for a certificate. */
export type TlsMaterial = {
  readonly roots: string;
  readonly client: { readonly chain: string; readonly key: string } | null;
};

export const plaintextChannel: Channel = { credentials: credentials.createInsecure(), options: {} };

/** `address` is `host:port`; the server's certificate must name the host. */
export function tlsChannel(address: string, { roots, client }: TlsMaterial): Channel {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  const check = {
    checkServerIdentity: (_: string, certificate: Parameters<typeof checkServerIdentity>[1]) =>
      checkServerIdentity(host, certificate),
  };
  const key = client && Buffer.from(client.key);
  const chain = client && Buffer.from(client.chain);
  return {
    credentials: credentials.createSsl(Buffer.from(roots), key, chain, check),
    // RFC 6066 section 3 forbids IP addresses as server names; the check above is against the address all the same.
    options: isIP(host) === 0 ? {} : { 'grpc.ssl_target_name_override': 'localhost' },
  };
}
