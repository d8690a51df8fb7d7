// The certificates a suite with TLS finds in its folder.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeAuthority } from '../../support/certificates.ts';
import type { CertificateFiles } from './case.ts';

/** `ca` signed `server`, `client` and `other`; nobody trusts the authority that signed `stranger`. Keys are in `<name>-key`. */
export async function makeCertificateFiles(): Promise<CertificateFiles> {
  const [authority, unknown] = await Promise.all([makeAuthority('mesh'), makeAuthority('somebody else')]);
  const files: Record<string, string> = { ca: authority.certificate };
  const leaves = [
    ['server', authority],
    ['client', authority],
    ['other', authority],
    ['stranger', unknown],
  ] as const;
  for (const [name, signer] of leaves) {
    const uris = [`spiffe://cluster.local/ns/test/sa/${name}`];
    const issued = await signer.issue({ uris, dns: [`${name}.test`] });
    files[name] = issued.certificate;
    files[`${name}-key`] = issued.key;
  }
  const expired = {
    uris: ['spiffe://cluster.local/ns/test/sa/client'],
    notBefore: Date.now() - 2e8,
    notAfter: Date.now() - 1e8,
  };
  const issued = await authority.issue(expired);
  return { ...files, expired: issued.certificate, 'expired-key': issued.key };
}

export function writeCertificateFiles(files: CertificateFiles, folder: string): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, `${name}.pem`), text, { mode: 0o600 });
}
