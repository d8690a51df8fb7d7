// A gRPC target of the bootstrap → a channel, with the newest of our certificates.
import { readFile } from 'node:fs/promises';
import { type Channel, plaintextChannel, tlsChannel } from '../../xds/channel.ts';
import type { GrpcTarget, KeyPairSource, PemSource, SdsSource } from '../bootstrap/grpc-target.ts';
import type { SecretStore } from './secret-store.ts';

/** Waits until the secrets it needs are there. */
export async function openChannel({ address, tls }: GrpcTarget, secrets: SecretStore): Promise<Channel> {
  if (tls === null) return plaintextChannel;
  const roots = await readRoots(tls.roots, secrets);
  const client = tls.certificate && (await readPair(tls.certificate, secrets));
  return tlsChannel(address, { roots, client, serverUris: tls.serverUris });
}

async function readRoots(source: PemSource | SdsSource, secrets: SecretStore): Promise<string> {
  if (source.kind !== 'sds') return readPem(source);
  const secret = await secrets.wait(source.source, source.name);
  if (secret.kind !== 'trust') throw new Error(`secret ${source.name} of ${source.source} is no trust bundle`);
  return secret.roots;
}

async function readPair(
  source: KeyPairSource | SdsSource,
  secrets: SecretStore,
): Promise<{ chain: string; key: string }> {
  if (source.kind === 'pair') return { chain: await readPem(source.chain), key: await readPem(source.key) };
  const secret = await secrets.wait(source.source, source.name);
  if (secret.kind !== 'certificate') throw new Error(`secret ${source.name} of ${source.source} is no certificate`);
  return secret;
}

async function readPem(source: PemSource): Promise<string> {
  return source.kind === 'inline' ? source.text : readFile(source.path, 'utf8');
}
