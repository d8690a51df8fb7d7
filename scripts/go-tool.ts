// Puts tools in place that tests run and that come as Go modules: the one on PATH, else built by Go into .tulle/bin. Prints a path for each name.
// `--find` only looks, and prints an empty line for what is not there. Versions are those that Go 1.19 (Debian 12) still builds.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const PACKAGES: ReadonlyMap<string, string> = new Map([
  ['h2spec', 'github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible'],
  ['grpcurl', 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.1'],
  ['ghz', 'github.com/bojand/ghz/cmd/ghz@v0.120.0'],
  // Its program is called main. Later versions cannot be installed by name.
  ['go-control-plane', 'github.com/envoyproxy/go-control-plane/pkg/test/main@v0.12.0'],
]);
const folder = join(import.meta.dirname, '../.tulle/bin');

function find(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), folder];
  return folders.map((path) => join(path, name)).find((path) => existsSync(path)) ?? null;
}

function install(name: string): string {
  const source = PACKAGES.get(name);
  if (source === undefined) throw new Error(`no tool is named ${name} (hint: ${[...PACKAGES.keys()].join(', ')})`);
  console.error(`building ${source} into .tulle/bin`);
  mkdirSync(folder, { recursive: true });
  const target = join(folder, name);
  const built = mkdtempSync(join(folder, '.build-'));
  try {
    execFileSync('go', ['install', source], { env: { ...process.env, GOBIN: built }, stdio: ['ignore', 2, 2] });
    for (const program of readdirSync(built)) renameSync(join(built, program), target);
  } finally {
    rmSync(built, { recursive: true });
  }
  return target;
}

const onlyFind = process.argv.includes('--find');
for (const name of process.argv.slice(2).filter((argument) => argument !== '--find'))
  console.log(find(name) ?? (onlyFind ? '' : install(name)));
