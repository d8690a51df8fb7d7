// Where a tool written in Go is that tests run; null skips them, but under CI=true that is a failure.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pinnedNode, repositoryRoot } from './process.ts';

export function findGoTool(name: 'h2spec' | 'grpcurl' | 'ghz'): string | null {
  const script = join(repositoryRoot, 'scripts/go-tool.ts');
  const found = execFileSync(pinnedNode, [script, '--find', name], { encoding: 'utf8' }).trim();
  if (found !== '') return found;
  if (process.env.CI === 'true') throw new Error(`${name} is missing (hint: node scripts/go-tool.ts ${name})`);
  return null;
}
