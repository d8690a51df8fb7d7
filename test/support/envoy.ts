// Where the real Envoy is. Tests that need it are skipped without it, except under CI=true, where a missing Envoy is a failure.
import { findEnvoyBinary } from '../../scripts/find-envoy.ts';

/** Path of the binary itself (a Python launcher on PATH is resolved), or null. */
export function findEnvoy(): string | null {
  const found = findEnvoyBinary();
  if (found === null && process.env.CI === 'true') throw new Error('envoy is missing (hint: node scripts/envoy.ts)');
  return found;
}
