// A TLS context made of the current secrets, and made anew when one of them was replaced.
import { X509Certificate } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import type { SecretRef, SecretValue, TlsVersion } from '../config/types.ts';
import { uriSans } from './peer.ts';
import type { SecretStore } from './secrets.ts';

export type ContextConfig = {
  readonly certificate: SecretRef | null;
  readonly trust: SecretRef | null;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
};

export type CurrentContext = {
  readonly options: SecureContextOptions;
  /** URI SANs of our own certificate. */
  readonly localUriSans: readonly string[];
};

/** Gives the same object until a secret changes, so that callers can tell by identity. */
export class ContextSource {
  readonly #config: ContextConfig;
  readonly #secrets: SecretStore;
  #certificate: SecretValue | undefined;
  #trust: SecretValue | undefined;
  #current: CurrentContext | null = null;

  constructor(config: ContextConfig, secrets: SecretStore) {
    this.#config = config;
    this.#secrets = secrets;
  }

  /** A string says which secret is missing: nothing may be accepted or connected then. */
  get(): CurrentContext | string {
    const { certificate, trust } = this.#config;
    const own = certificate === null ? undefined : this.#secrets.get(certificate);
    const roots = trust === null ? undefined : this.#secrets.get(trust);
    if (certificate !== null && own?.kind !== 'certificate') return missing(certificate);
    if (trust !== null && roots?.kind !== 'trust') return missing(trust);
    if (this.#current !== null && own === this.#certificate && roots === this.#trust) return this.#current;
    this.#certificate = own;
    this.#trust = roots;
    this.#current = this.#build(own, roots);
    return this.#current;
  }

  #build(own: SecretValue | undefined, roots: SecretValue | undefined): CurrentContext {
    const pair = own?.kind === 'certificate' ? { cert: own.chain, key: own.key } : {};
    // Without a trust bundle nothing is verified; `ca: []` also keeps the machine's own roots out.
    const ca = roots?.kind === 'trust' ? roots.roots : [];
    return {
      options: { ...pair, ca, minVersion: this.#config.minVersion, maxVersion: this.#config.maxVersion },
      localUriSans: own?.kind === 'certificate' ? uriSans(new X509Certificate(own.chain)) : [],
    };
  }
}

function missing(ref: SecretRef): string {
  return ref.kind === 'sds'
    ? `secret ${ref.name} has not come from ${ref.source}`
    : 'inline secret is of the wrong kind';
}
