// Puts Prometheus' Python client in place, whose parsers read what the proxy says of itself: the PyPI package in .tulle/tools. Prints its folder.
// `--find` only looks and prints an empty line when there is none.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installFromPypi } from './pip.ts';

const PACKAGE = 'prometheus_client==0.26.0';
const folder = join(import.meta.dirname, '../.tulle/tools/prometheus-client');

function find(): string | null {
  return existsSync(join(folder, 'prometheus_client')) ? folder : null;
}

function install(): string {
  console.error(`installing ${PACKAGE} into .tulle/tools/prometheus-client`);
  installFromPypi(PACKAGE, folder);
  return folder;
}

console.log(find() ?? (process.argv.includes('--find') ? '' : install()));
