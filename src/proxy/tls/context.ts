// TLS contexts made of the current secrets, and made anew when one of them was replaced.
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { mustBeStapled, readStaple, type Staple } from '../config/staple.ts';
import type { SecretRef, SecretValue, TlsParams, ValidationConfig } from '../config/tls-types.ts';
import { type LocalEnd, uriSans } from './peer.ts';
import type { SecretStore } from './secrets.ts';
import { type CurrentValidation, currentValidation } from './validation.ts';

export type ContextConfig = TlsParams & {
  readonly certificates: readonly SecretRef[];
  /** null: the peer's certificate is not asked for, or not looked at. */
  readonly validation: ValidationConfig | null;
};

export type OwnCertificate = {
  readonly secret: Extract<SecretValue, { kind: 'certificate' }>;
  readonly leaf: X509Certificate;
  readonly staple: Staple | null;
  /** It says itself that it comes with a staple only. */
  readonly mustStaple: boolean;
};

export type CurrentContext = {
  readonly certificates: readonly OwnCertificate[];
  /** Of a context with these certificates; [] shows none. */
  options(certificates: readonly OwnCertificate[]): SecureContextOptions;
  readonly validation: CurrentValidation | null;
  /** Of our own first certificate. */
  readonly local: LocalEnd;
  /** The same in every thread that has the same certificates and trust, and in no other case. */
  readonly identity: string;
};

export const SHOWS_NOTHING: LocalEnd = { uriSans: [], certificate: null };

/** Gives the same object until a secret changes, so that callers can tell by identity. */
export class ContextSource {
  readonly #config: ContextConfig;
  readonly #secrets: SecretStore;
  #values: readonly (SecretValue | undefined)[] = [];
  #current: CurrentContext | string | null = null;

  constructor(config: ContextConfig, secrets: SecretStore) {
    this.#config = config;
    this.#secrets = secrets;
  }

  /** A string says which secret is missing, or why one cannot be used: nothing may be accepted or connected then. */
  get(): CurrentContext | string {
    const { certificates, validation } = this.#config;
    const trust = validation?.trust ?? null;
    const values: (SecretValue | undefined)[] = [];
    for (const ref of certificates) {
      const value = this.#secrets.get(ref);
      if (value?.kind !== 'certificate') return missing(ref);
      values.push(value);
    }
    const roots = trust === null ? undefined : this.#secrets.get(trust);
    if (trust !== null && roots?.kind !== 'trust') return missing(trust);
    values.push(roots);
    if (this.#current !== null && values.every((value, i) => value === this.#values[i])) return this.#current;
    this.#values = values;
    const current = validation === null ? null : currentValidation(validation, roots?.kind === 'trust' ? roots : null);
    this.#current = typeof current === 'string' ? current : this.#build(values, current);
    return this.#current;
  }

  #build(values: readonly (SecretValue | undefined)[], validation: CurrentValidation | null): CurrentContext {
    const certificates = values.filter((value) => value?.kind === 'certificate').map(ownCertificate);
    const { minVersion, maxVersion, ciphers, curves, signatureAlgorithms } = this.#config;
    const common: SecureContextOptions = {
      // Without a trust bundle nothing is verified; `ca: []` also keeps the machine's own roots out.
      ca: validation === null || validation.roots === '' ? [] : validation.roots,
      allowPartialTrustChain: true,
      ...(validation?.crl === undefined ? {} : { crl: validation.crl }),
      minVersion,
      maxVersion,
      ...(ciphers === '' ? {} : { ciphers }),
      ...(curves === '' ? {} : { ecdhCurve: curves }),
      ...(signatureAlgorithms === '' ? {} : { sigalgs: signatureAlgorithms }),
    };
    return {
      certificates,
      validation,
      identity: JSON.stringify([certificates.map(({ secret }) => secret.chain), validation?.roots, validation?.crl]),
      options: (chosen) => ({
        ...common,
        cert: chosen.map(({ secret }) => secret.chain),
        key: chosen.map(({ secret }) => ({
          pem: secret.key,
          ...(secret.password === undefined ? {} : { passphrase: secret.password }),
        })),
      }),
      local:
        certificates[0] === undefined
          ? SHOWS_NOTHING
          : { uriSans: uriSans(certificates[0].leaf), certificate: certificates[0].leaf.raw },
    };
  }
}

function ownCertificate(secret: OwnCertificate['secret']): OwnCertificate {
  const leaf = new X509Certificate(secret.chain);
  const staple = secret.ocsp === undefined ? null : readStaple(secret.ocsp);
  return { secret, leaf, staple: typeof staple === 'string' ? null : staple, mustStaple: mustBeStapled(leaf.raw) };
}

/** A string says why it cannot be made. */
export function makeContext(options: SecureContextOptions): SecureContext | string {
  try {
    return createSecureContext(options);
  } catch (error) {
    return `certificate cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function missing(ref: SecretRef): string {
  return ref.kind === 'sds'
    ? `secret ${ref.name} has not come from ${ref.source.key}`
    : 'the secret is of the wrong kind';
}
