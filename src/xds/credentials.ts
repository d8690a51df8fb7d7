// TLS of the xDS port: asks for a client certificate, lets those without one in (they may only ask for a certificate),
// and takes a renewed server certificate without a restart.
import { ServerCredentials } from '@grpc/grpc-js';

/** PEM. */
export type ServerIdentity = { readonly chain: string; readonly key: string; readonly roots: string };

export class MutualTlsCredentials extends ServerCredentials {
  constructor(identity: ServerIdentity) {
    // A certificate that the roots did not sign counts as none: `getAuthContext` is then empty.
    super({ requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' }, contextOf(identity));
  }

  renew(identity: ServerIdentity): void {
    this.updateSecureContextOptions(contextOf(identity));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf({ chain, key, roots }: ServerIdentity): { cert: string; key: string; ca: string } {
  return { cert: chain, key, ca: roots };
}
