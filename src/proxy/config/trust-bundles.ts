// The trust bundles of several SPIFFE trust domains in one JSON document, as the SPIFFE validator takes them: `{"trust_domains": {"example.org":
// <bundle>}}`, where a bundle is a JWK set (https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Trust_Domain_and_Bundle.md section 4).
import { X509Certificate } from 'node:crypto';
import type { DataSource } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { at, ConfigError } from './config-error.ts';
import { readSource } from './values.ts';

type Json = Readonly<Record<string, unknown>>;

/** Roots (PEM) by trust domain. */
export function readTrustBundles(source: DataSource, path: string): ReadonlyMap<string, string> {
  const domains = objectAt(parse(readSource(source, path), path)['trust_domains'], at(path, 'trust_domains'));
  const bundles = Object.entries(domains).map(([domain, bundle]): [string, string] => {
    const here = at(path, `trust_domains[${domain}]`);
    return [domain, readBundle(objectAt(bundle, here), here)];
  });
  if (bundles.length === 0) throw new ConfigError(at(path, 'trust_domains'), 'is empty');
  return new Map(bundles);
}

/** Only keys that verify X.509-SVIDs; those of JWT-SVIDs are for others. */
function readBundle({ keys }: Json, path: string): string {
  const here = at(path, 'keys');
  if (!Array.isArray(keys)) throw new ConfigError(here, 'is no list');
  const roots = keys.flatMap((given: unknown, i): string[] => {
    const key = objectAt(given, `${here}[${i}]`);
    return key['use'] === 'x509-svid' ? [readRoot(key['x5c'], `${here}[${i}].x5c`)] : [];
  });
  if (roots.length === 0) throw new ConfigError(here, 'has no key for x509-svid');
  return roots.join('\n');
}

/** Section 4.2.2: exactly one certificate, the authority's own. */
function readRoot(chain: unknown, path: string): string {
  const [first, ...more] = Array.isArray(chain) ? (chain as unknown[]) : [];
  if (typeof first !== 'string' || more.length > 0) throw new ConfigError(path, 'must be one certificate');
  try {
    return new X509Certificate(Buffer.from(first, 'base64')).toString();
  } catch (cause) {
    throw new ConfigError(path, `is no certificate: ${cause instanceof Error ? cause.message : cause}`);
  }
}

function parse(text: string, path: string): Json {
  try {
    return objectAt(JSON.parse(text), path);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(path, `is no JSON: ${cause instanceof Error ? cause.message : cause}`);
  }
}

function objectAt(value: unknown, path: string): Json {
  if (typeof value !== 'object' || value === null) throw new ConfigError(path, 'is no object');
  return value as Json;
}
