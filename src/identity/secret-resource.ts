// A workload's secrets as the SDS resources `default` and `ROOTCA`.
import { create, toBinary } from '@bufbuild/protobuf';
import { SecretSchema } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { type EncodedResource, type Snapshot, typeUrl } from '../xds/resource.ts';
import type { WorkloadSecrets } from './agent.ts';

/** `version` must change with the secrets. */
export function secretSnapshot({ certificate, trust }: WorkloadSecrets, version: string): Snapshot {
  const secrets = [
    create(SecretSchema, {
      name: 'default',
      type: {
        case: 'tlsCertificate',
        value: { certificateChain: inline(certificate.chain), privateKey: inline(certificate.key) },
      },
    }),
    create(SecretSchema, {
      name: 'ROOTCA',
      type: { case: 'validationContext', value: { trustedCa: inline(trust.roots) } },
    }),
  ];
  const resources = secrets.map((secret): [string, EncodedResource] => [
    secret.name,
    { typeUrl: typeUrl.secret, name: secret.name, version, bytes: toBinary(SecretSchema, secret), origins: [] },
  ]);
  return { resources: new Map([[typeUrl.secret, new Map(resources)]]) };
}

function inline(text: string) {
  return { specifier: { case: 'inlineBytes' as const, value: Buffer.from(text) } };
}
