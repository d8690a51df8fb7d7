// The certificate service on the control plane's port: decides for whom a request is signed. Whoever has no certificate yet
// shows a join token; whoever has a valid one may renew it for the same identity and instance.

import { X509Certificate } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type handleUnaryCall,
  type Metadata,
  type ServerUnaryCall,
  type ServiceDefinition,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { SpiffeId } from '../model/units.ts';
import { IstioCertificateRequestSchema, IstioCertificateResponseSchema } from '../xds/gen/istio/v1/auth/ca_pb.ts';
import { peerOf } from '../xds/peer.ts';
import { serviceOf } from '../xds/service.ts';
import type { CertificateAuthority } from './ca.ts';
import { certificateMethod } from './ca-client.ts';
import { BadRequest } from './certificate.ts';
import { parseSpiffe } from './spiffe.ts';
import type { JoinTokens, TokenBinding } from './tokens.ts';

export type CertificateServiceOptions = {
  readonly authority: CertificateAuthority;
  readonly tokens: JoinTokens;
  /** Told of every certificate that was issued; `expires` is milliseconds since the epoch. */
  readonly onIssued: (instance: string, expires: number) => void;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
};

/** What the xDS server takes as one of its `services`. */
export function certificateService(options: CertificateServiceOptions): {
  readonly definition: ServiceDefinition;
  readonly handlers: UntypedServiceImplementation;
} {
  const handle: handleUnaryCall<Uint8Array, Uint8Array> = (call, callback) => {
    answer(call, options).then(
      (response) => callback(null, response),
      (error: unknown) => callback(refusalOf(error, call, options)),
    );
  };
  return { definition: serviceOf([certificateMethod]), handlers: { [certificateMethod.path]: handle } };
}

class Unauthenticated extends Error {}

async function answer(
  call: ServerUnaryCall<Uint8Array, Uint8Array>,
  { authority, tokens, onIssued, log }: CertificateServiceOptions,
): Promise<Uint8Array> {
  const { identity, instance } = authenticate(call, tokens, authority.trustDomain);
  const { csr, validityDuration } = parse(call.request);
  const lifetime = validityDuration > 0n ? Number(validityDuration) * 1000 : undefined;
  const certChain = await authority.issue(csr, identity, instance, lifetime);
  onIssued(instance, new X509Certificate(certChain[0] as string).validToDate.getTime());
  log.info({ identity, instance, peer: call.getPeer() }, 'certificate issued');
  return toBinary(
    IstioCertificateResponseSchema,
    create(IstioCertificateResponseSchema, { certChain: [...certChain] }),
  );
}

function parse(bytes: Uint8Array) {
  try {
    return fromBinary(IstioCertificateRequestSchema, bytes);
  } catch (error) {
    throw new BadRequest('unreadable certificate request', { cause: error });
  }
}

/** A token that is shown must be good: a wrong one is never made up for by a certificate. */
function authenticate(
  call: ServerUnaryCall<Uint8Array, Uint8Array>,
  tokens: JoinTokens,
  trustDomain: string,
): TokenBinding {
  const token = bearerToken(call.metadata);
  if (token !== null) {
    const binding = tokens.redeem(token);
    if (binding === null)
      throw new Unauthenticated('the join token is not known (hint: it may belong to an earlier run)');
    return binding;
  }
  const peer = peerOf(call);
  if (peer === null) throw new Unauthenticated('neither a join token nor a valid mesh certificate was shown');
  const [identity = ''] = peer.uris;
  if (peer.uris.length !== 1 || parseSpiffe(identity)?.trustDomain !== trustDomain) {
    throw new Unauthenticated(`the certificate shown is not that of a workload of ${trustDomain}`);
  }
  return { identity: identity as SpiffeId, instance: peer.instance };
}

function bearerToken(metadata: Metadata): string | null {
  const [value] = metadata.get('authorization');
  if (value === undefined) return null;
  return /^bearer +(\S+)$/i.exec(value.toString())?.[1] ?? '';
}

function refusalOf(
  error: unknown,
  call: ServerUnaryCall<Uint8Array, Uint8Array>,
  { log }: CertificateServiceOptions,
): Partial<ServiceError> {
  const reason = error instanceof Error ? error.message : String(error);
  log.warn({ peer: call.getPeer(), reason }, 'certificate refused');
  if (error instanceof Unauthenticated) return { code: status.UNAUTHENTICATED, details: reason };
  if (error instanceof BadRequest) return { code: status.INVALID_ARGUMENT, details: reason };
  return { code: status.INTERNAL, details: 'the certificate authority failed' };
}
