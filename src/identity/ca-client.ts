// Asks the CA for one certificate over gRPC; proves who asks with a join token or with the certificate to be renewed.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Metadata } from '@grpc/grpc-js';
import { type Grpc, tlsChannel } from '../xds/channel.ts';
import { IstioCertificateRequestSchema, IstioCertificateResponseSchema } from '../xds/gen/istio/v1/auth/ca_pb.ts';
import { unary } from '../xds/service.ts';
import type { KeyedCertificate } from './ca.ts';

export type Proof =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'certificate'; readonly certificate: KeyedCertificate };

/** Sends a PEM request; the answer is PEM certificates, leaf first. Rejects with what the CA said. */
export type RequestCertificate = (request: string, proof: Proof) => Promise<readonly string[]>;

export type CaClientOptions = {
  /** `host:port` */
  readonly address: string;
  /** PEM of the roots the CA's own certificate must be signed by. */
  readonly roots: string;
  /** Seconds to ask for; the CA's own limit when absent. */
  readonly lifetime?: number;
};

export const certificateMethod = unary('/istio.v1.auth.IstioCertificateService/CreateCertificate');

const TIMEOUT = 10_000;

export function caClient({ address, roots, lifetime = 0 }: CaClientOptions): RequestCertificate {
  return async (csr, proof) => {
    const grpc = await import('@grpc/grpc-js');
    const renewing = proof.kind === 'certificate' ? proof.certificate : null;
    const { credentials, options } = tlsChannel(address, { roots, client: renewing });
    const client = new grpc.Client(address, credentials(grpc), { ...options, 'grpc.use_local_subchannel_pool': 1 });
    const request = create(IstioCertificateRequestSchema, { csr, validityDuration: BigInt(Math.ceil(lifetime)) });
    const { path, requestSerialize, responseDeserialize } = certificateMethod;
    return new Promise<readonly string[]>((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        toBinary(IstioCertificateRequestSchema, request),
        metadataOf(grpc, proof),
        { deadline: Date.now() + TIMEOUT },
        (error, response) => {
          if (error !== null)
            reject(new Error(`the CA at ${address} issued nothing: ${error.message}`, { cause: error }));
          else resolve(fromBinary(IstioCertificateResponseSchema, response ?? new Uint8Array()).certChain);
        },
      );
    }).finally(() => client.close());
  };
}

function metadataOf(grpc: Grpc, proof: Proof): Metadata {
  const metadata = new grpc.Metadata();
  if (proof.kind === 'token') metadata.set('authorization', `Bearer ${proof.token}`);
  return metadata;
}
