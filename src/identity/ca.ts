// The mesh's certificate authority: a self-signed root in the state folder that signs workload and server certificates.
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import type { SpiffeId } from '../model/units.ts';
import { type Holder, type Issuer, importSigningKey, selfSign, signRequest, type Validity } from './certificate.ts';
import { readIfThere, writeWhole } from './whole-file.ts';
import { createRequest, exportPrivateKey, generateKeys } from './workload-keys.ts';

export type AuthorityOptions = {
  readonly trustDomain: string;
  readonly clock: Clock;
  /** Milliseconds a workload certificate lives at most; 24 h unless said. */
  readonly lifetime?: number;
};

/** PEM; the chain is leaf first, root last. */
export type KeyedCertificate = { readonly chain: string; readonly key: string };

const DAY = 24 * 3600_000;
const ROOT_LIFETIME = 3652 * DAY;
/** Clocks of a mesh differ a little. */
const SKEW = 60_000;

export class CertificateAuthority {
  readonly trustDomain: string;
  /** PEM. */
  readonly root: string;
  /** Milliseconds that what it issues is good for at most. */
  readonly lifetime: number;
  readonly #issuer: Issuer;
  readonly #clock: Clock;

  private constructor(issuer: Issuer, { trustDomain, clock, lifetime = DAY }: AuthorityOptions) {
    this.trustDomain = trustDomain;
    this.root = issuer.certificate;
    this.#issuer = issuer;
    this.#clock = clock;
    this.lifetime = lifetime;
  }

  /** Reads the root of the folder, or makes one. @throws when what is there is not a usable root of the trust domain. */
  static async open(folder: string, options: AuthorityOptions): Promise<CertificateAuthority> {
    const stored = (await readRoot(folder)) ?? (await createRoot(folder, options));
    checkRoot(stored, folder, options);
    const key = await importSigningKey(stored.key);
    return new CertificateAuthority({ certificate: stored.certificate, key }, options);
  }

  /**
   * A certificate for the request's key, valid for `lifetime` milliseconds or the authority's own limit if that is less.
   * The request is believed about its key only. PEM certificates, leaf first, root last. @throws BadRequest
   */
  async issue(
    request: string,
    identity: SpiffeId,
    instance: string,
    lifetime: number = this.lifetime,
  ): Promise<readonly string[]> {
    const holder: Holder = { commonName: instance, names: [{ type: 'url', value: identity }] };
    const validity = this.#validity(Math.min(lifetime, this.lifetime));
    return [await signRequest(request, holder, validity, this.#issuer), this.root];
  }

  /** A key and certificate for the control plane's own port: its identity, and the DNS names and IP addresses clients reach it by. */
  async issueServer(hosts: readonly string[], identity: SpiffeId | null = null): Promise<KeyedCertificate> {
    const keys = await generateKeys();
    const addresses = hosts.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value }));
    const names = identity === null ? addresses : [{ type: 'url' as const, value: identity }, ...addresses];
    const validity = this.#validity(this.lifetime);
    const leaf = await signRequest(await createRequest(keys), { commonName: '', names }, validity, this.#issuer);
    return { chain: `${leaf}\n${this.root}`, key: await exportPrivateKey(keys) };
  }

  #validity(lifetime: number): Validity {
    const now = this.#clock.epoch();
    const rootEnd = new X509Certificate(this.root).validToDate.getTime();
    return { notBefore: new Date(now - SKEW), notAfter: new Date(Math.min(now + lifetime, rootEnd)) };
  }
}

type StoredRoot = { readonly certificate: string; readonly key: KeyObject };

const CERTIFICATE_FILE = 'root-cert.pem';
const KEY_FILE = 'root-key.pem';

async function readRoot(folder: string): Promise<StoredRoot | null> {
  const [certificate, key] = await Promise.all([
    readIfThere(join(folder, CERTIFICATE_FILE)),
    readIfThere(join(folder, KEY_FILE)),
  ]);
  if (certificate === null && key === null) return null;
  if (certificate === null || key === null) {
    throw new Error(
      `${folder} holds only one of ${CERTIFICATE_FILE} and ${KEY_FILE} (hint: restore it or remove both)`,
    );
  }
  return { certificate, key: createPrivateKey(key) };
}

async function createRoot(folder: string, { trustDomain, clock }: AuthorityOptions): Promise<StoredRoot> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const keys = await generateKeys();
  const now = clock.epoch();
  const validity = { notBefore: new Date(now - SKEW), notAfter: new Date(now + ROOT_LIFETIME) };
  const certificate = await selfSign(keys, trustDomain, validity);
  const key = await exportPrivateKey(keys);
  await writeWhole(join(folder, KEY_FILE), key, 0o600);
  await writeWhole(join(folder, CERTIFICATE_FILE), certificate, 0o644);
  return { certificate, key: createPrivateKey(key) };
}

function checkRoot({ certificate, key }: StoredRoot, folder: string, { trustDomain, clock }: AuthorityOptions): void {
  const root = new X509Certificate(certificate);
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const problems = [
    !root.publicKey.export({ type: 'spki', format: 'der' }).equals(publicKey) &&
      'its key belongs to another certificate',
    root.subject !== `O=${trustDomain}` && `it is the root of ${root.subject}, not of trust domain ${trustDomain}`,
    root.validToDate.getTime() <= clock.epoch() && `it expired at ${root.validTo}`,
  ].filter((problem) => problem !== false);
  if (problems.length > 0) throw new Error(`the mesh root in ${folder} cannot be used: ${problems.join('; ')}`);
}
