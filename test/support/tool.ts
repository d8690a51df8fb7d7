// Where a tool is that others wrote and tests run; null skips them, but under CI=true that is a failure.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pinnedNode, repositoryRoot } from './process.ts';

export function findTool(
  name: 'h2spec' | 'grpcurl' | 'ghz' | 'go-control-plane' | 'kosoku' | 'prometheus-client',
): string | null {
  const ofPython = name === 'kosoku' || name === 'prometheus-client';
  const script = ofPython ? [`scripts/${name}.ts`] : ['scripts/go-tool.ts', name];
  const command = [join(repositoryRoot, script[0]!), ...script.slice(1)];
  const found = execFileSync(pinnedNode, [...command, '--find'], { encoding: 'utf8' }).trim();
  if (found !== '') return found;
  if (process.env.CI === 'true') throw new Error(`${name} is missing (hint: node ${script.join(' ')})`);
  return null;
}
