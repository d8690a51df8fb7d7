// Puts kosoku in place, which runs the cases of Autobahn's test suite for WebSocket: the one on PATH, else the PyPI package in .tulle/tools. Prints its path.
// Autobahn's own package is for Python 2. `--find` only looks and prints an empty line when there is none.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { installFromPypi } from './pip.ts';

const PACKAGE = 'kosoku==0.1.0';
const folder = join(import.meta.dirname, '../.tulle/tools/kosoku');

function find(): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), join(folder, 'bin')];
  return folders.map((path) => join(path, 'kosoku')).find((path) => existsSync(path)) ?? null;
}

function install(): string {
  console.error(`installing ${PACKAGE} into .tulle/tools/kosoku`);
  installFromPypi(PACKAGE, folder);
  return join(folder, 'bin/kosoku');
}

console.log(find() ?? (process.argv.includes('--find') ? '' : install()));
