// Puts h2spec in place for the conformance test of HTTP/2: the one on PATH, else built by Go into .tulle/bin. Prints its path.
// `--find` only looks and prints an empty line when there is none.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const PACKAGE = 'github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible';
const folder = join(import.meta.dirname, '../.tulle/bin');

function find(): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), folder];
  return folders.map((path) => join(path, 'h2spec')).find((path) => existsSync(path)) ?? null;
}

function install(): string {
  console.error(`building ${PACKAGE} into .tulle/bin`);
  mkdirSync(folder, { recursive: true });
  execFileSync('go', ['install', PACKAGE], { env: { ...process.env, GOBIN: folder }, stdio: ['ignore', 2, 2] });
  return join(folder, 'h2spec');
}

console.log(find() ?? (process.argv.includes('--find') ? '' : install()));
