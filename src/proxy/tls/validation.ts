// What is asked of peers at this time: the checks of the place of use together with those that came with the secret.
import { X509Certificate } from 'node:crypto';
import type { PeerChecks, SecretValue, ValidationConfig } from '../config/tls-types.ts';

export type CurrentValidation = Omit<PeerChecks, 'trustDomains'> & {
  /** The certificates (PEM) a chain must lead to one of; '' where none has to. */
  readonly roots: string;
  readonly crl: string | undefined;
  /** The same, read; made when first asked for. */
  anchors(): readonly X509Certificate[];
  /** Whether the certificates behind the peer's are looked at here. */
  readonly looksAtIssuers: boolean;
  /** By SPIFFE trust domain; null: the same for all. */
  readonly domains: ReadonlyMap<string, readonly X509Certificate[]> | null;
};

type Trust = Extract<SecretValue, { kind: 'trust' }>;

/**
 * Lists add up, of single values the secret's holds (Envoy merges the secret's message into the default). A string says why nobody may be
 * accepted.
 */
export function currentValidation(config: ValidationConfig, secret: Trust | null): CurrentValidation | string {
  const { checks } = secret ?? {};
  const trustDomains = checks?.trustDomains ?? config.trustDomains;
  const roots = trustDomains === null ? (secret?.roots ?? '') : [...trustDomains.values()].join('\n');
  const sans = [...config.sans, ...(checks?.sans ?? [])];
  if (roots === '' && sans.length > 0) return 'names are asked for, and there is no trust bundle to verify them with';
  const maxDepth = checks?.maxDepth ?? config.maxDepth;
  let anchors: readonly X509Certificate[] | null = null;
  return {
    roots,
    crl: secret?.crl,
    sans,
    hashes: new Set([...config.hashes, ...(checks?.hashes ?? [])]),
    keyHashes: new Set([...config.keyHashes, ...(checks?.keyHashes ?? [])]),
    acceptUntrusted: config.acceptUntrusted || checks?.acceptUntrusted === true,
    maxDepth,
    looksAtIssuers: maxDepth !== null || trustDomains !== null,
    anchors: () => (anchors ??= certificatesIn(roots)),
    domains:
      trustDomains === null
        ? null
        : new Map([...trustDomains].map(([domain, bundle]) => [domain, certificatesIn(bundle)])),
  };
}

function certificatesIn(pem: string): X509Certificate[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (text) => new X509Certificate(text),
  );
}
