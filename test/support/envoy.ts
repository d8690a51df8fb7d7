// Where the real Envoy is. Tests that need it are skipped without it, except under CI=true, where a missing Envoy is a failure.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pinnedNode, repositoryRoot } from './process.ts';

/** Path of the binary itself (a Python launcher on PATH is resolved), or null. */
export function findEnvoy(): string | null {
  const script = join(repositoryRoot, 'scripts/envoy.ts');
  const found = execFileSync(pinnedNode, [script, '--find'], { encoding: 'utf8' }).trim();
  if (found !== '') return found;
  if (process.env.CI === 'true') throw new Error('envoy is missing (hint: node scripts/envoy.ts)');
  return null;
}
