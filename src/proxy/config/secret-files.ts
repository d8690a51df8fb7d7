// Secrets in files: which files they are, and what a place of use that wants them followed refers to.
import { createHash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import type { DataSource, WatchedDirectory } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { type Secret, SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { SecretRef, SecretValue } from './tls-types.ts';

/** The source of secrets in files that are followed. */
export const FILES = 'files';

/** The files a secret names. */
export function filesOf({ type }: Pick<Secret, 'type'>): readonly string[] {
  switch (type.case) {
    case 'tlsCertificate': {
      const { certificateChain, privateKey, password, ocspStaple } = type.value;
      return filesIn([certificateChain, privateKey, password, ocspStaple]);
    }
    case 'validationContext':
      return filesIn([type.value.trustedCa, type.value.crl]);
    case 'genericSecret':
      return filesIn([type.value.secret]);
    default:
      return [];
  }
}

/** A secret that stands where it is used. Its files are followed where it names a folder to watch, as `read` gives them. */
export function ownSecret(
  type: Secret['type'],
  watched: WatchedDirectory | undefined,
  read: () => SecretValue,
): SecretRef {
  const secret = read();
  const files = filesOf({ type });
  if (watched === undefined || files.length === 0) return { kind: 'inline', secret };
  const message = toBinary(SecretSchema, create(SecretSchema, { type }));
  return { kind: 'files', name: createHash('sha256').update(message).digest('base64'), files, secret, read };
}

function filesIn(sources: readonly (DataSource | undefined)[]): readonly string[] {
  return sources.flatMap((source) => (source?.specifier.case === 'filename' ? [source.specifier.value] : []));
}
