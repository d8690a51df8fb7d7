// Where h2spec is, for the conformance test of HTTP/2; null skips it, but under CI=true that is a failure.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pinnedNode, repositoryRoot } from './process.ts';

export function findH2spec(): string | null {
  const script = join(repositoryRoot, 'scripts/h2spec.ts');
  const found = execFileSync(pinnedNode, [script, '--find'], { encoding: 'utf8' }).trim();
  if (found !== '') return found;
  if (process.env.CI === 'true') throw new Error('h2spec is missing (hint: node scripts/h2spec.ts)');
  return null;
}
