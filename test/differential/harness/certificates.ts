// The certificates a suite with TLS finds in its folder.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeAuthority, selfSigned, type TestAuthority } from '../../support/certificates.ts';
import type { CertificateFiles } from './case.ts';

/** `crl` revokes `other`. `ca` signed `server`, `client` and `other`; nobody trusts the authority that signed `stranger`. Keys are in `<name>-key`. */
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
  files['crl'] = await authority.revoke([files['other']!]);
  const expired = {
    uris: ['spiffe://cluster.local/ns/test/sa/client'],
    notBefore: Date.now() - 2e8,
    notAfter: Date.now() - 1e8,
  };
  const issued = await authority.issue(expired);
  return { ...files, ...(await makeMore(authority)), expired: issued.certificate, 'expired-key': issued.key };
}

export function writeCertificateFiles(files: CertificateFiles, folder: string): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, `${name}.pem`), text, { mode: 0o600 });
}

/** `deep` is signed by `sub-ca`, which `ca` signed. `web` and `wild` have DNS names alone, `addressed` an address; `server-only` and `client-only` are for one side, `future` is not valid yet, `rsa` has a key of that kind, the key of `silent` may not sign, `self` is signed by itself; `other-ca` signs `foreign` of its own trust domain and `pretender` of ours. */
async function makeMore(authority: TestAuthority): Promise<CertificateFiles> {
  const other = await makeAuthority('other domain');
  const delegate = await authority.delegate('delegate');
  const leaves = {
    'server-only': await authority.issue({ dns: ['server.test'], usage: 'server' }),
    'client-only': await authority.issue({ dns: ['server.test'], usage: 'client' }),
    rsa: await authority.issue({ dns: ['rsa.test'], rsa: true }),
    future: await authority.issue({ dns: ['server.test'], notBefore: Date.now() + 1e8 }),
    silent: await authority.issue({ dns: ['server.test'], signsNothing: true }),
    self: await selfSigned({ dns: ['server.test'] }),
    web: await authority.issue({ dns: ['web.test'] }),
    wild: await authority.issue({ dns: ['*.wild.test'] }),
    addressed: await authority.issue({ ips: ['10.0.0.7'] }),
    foreign: await other.issue({ uris: ['spiffe://other.domain/ns/test/sa/foreign'] }),
    deep: await delegate.issue({ uris: ['spiffe://cluster.local/ns/test/sa/deep'] }),
    pretender: await other.issue({ uris: ['spiffe://cluster.local/ns/test/sa/client'] }),
  };
  const files = Object.entries(leaves).flatMap(([name, { certificate, key }]) => [
    [name, certificate],
    [`${name}-key`, key],
  ]);
  return { ...Object.fromEntries(files), 'other-ca': other.certificate, 'sub-ca': delegate.certificate };
}
