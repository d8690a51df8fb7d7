// The two ends of a connection, in the words of envoy.service.auth.v3.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AttributeContext_PeerSchema } from '../../../xds/gen/envoy/service/auth/v3/attribute_context_pb.ts';
import type { Downstream, PeerTls, SocketName } from '../../http/exchange.ts';

type Peer = MessageInitShape<typeof AttributeContext_PeerSchema>;

/** The client is whom the connection shows: a PROXY header may name another, X-Forwarded-For does not. */
export function sourceOf({ remote, tls }: Downstream, includeCertificate: boolean): Peer {
  return {
    address: addressOf(remote),
    principal: tls === null ? '' : principalOf(tls),
    certificate: includeCertificate && tls?.certificate ? certificateText(tls.certificate) : '',
  };
}

export function destinationOf({ local, tls }: Downstream): Peer {
  return { address: addressOf(local), principal: tls?.localUriSans[0] ?? '' };
}

function addressOf({ address, port }: SocketName): NonNullable<Peer['address']> {
  return { address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } } };
}

function principalOf({ uriSans, dnsSans, subject }: PeerTls): string {
  return uriSans[0] ?? dnsSans[0] ?? subject;
}

/** PEM, with what a URL cannot hold escaped, as in x-forwarded-client-cert. */
function certificateText(der: Buffer): string {
  const lines = der.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n');
  const pem = `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
  return pem.replaceAll(/[\n +/=]/g, encodeURIComponent);
}
