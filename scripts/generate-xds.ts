// Generates src/xds/gen from Envoy's complete v3 .proto files (crates.io package envoy-types, fetched with cargo) and our own few.
// `--check` regenerates into a scratch folder and fails on any difference; without cargo it still checks the recorded digest.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { checkDescriptors, leanSource } from './lean-generated.ts';

const CRATE = { name: 'envoy-types', version: '0.7.7' };
const PROTO_ROOTS = [
  'data-plane-api',
  'xds',
  'googleapis',
  'protoc-gen-validate',
  'client_model',
  'cel-spec/proto',
  'opentelemetry-proto',
];
/** All descriptors, as a google.protobuf.FileDescriptorSet. */
const DESCRIPTORS = 'descriptors.binpb';
const root = join(import.meta.dirname, '..');
const target = join(root, 'src/xds/gen');
const digestFile = join(target, 'DIGEST');

function fetchProtos(scratch: string): string {
  const project = join(scratch, 'fetch');
  mkdirSync(project, { recursive: true });
  writeFileSync(
    join(project, 'Cargo.toml'),
    `[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[lib]\npath = "lib.rs"\n[dependencies]\n${CRATE.name} = "=${CRATE.version}"\n`,
  );
  writeFileSync(join(project, 'lib.rs'), '');
  execFileSync('cargo', ['fetch', '--quiet'], { cwd: project, stdio: 'inherit' });
  const sources = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'registry/src');
  for (const index of readdirSync(sources)) {
    const crate = join(sources, index, `${CRATE.name}-${CRATE.version}`, 'proto');
    if (existsSync(crate)) return crate;
  }
  throw new Error(`crate ${CRATE.name} ${CRATE.version} is not under ${sources} after cargo fetch`);
}

function generate(outDir: string): void {
  const scratch = mkdtempSync(join(tmpdir(), 'tulle-generate-'));
  try {
    const crate = fetchProtos(scratch);
    const protos = join(scratch, 'proto');
    for (const dir of PROTO_ROOTS) cpSync(join(crate, dir), protos, { recursive: true });
    cpSync(join(root, 'scripts/proto'), protos, { recursive: true });
    const template = {
      version: 'v2',
      plugins: [
        {
          local: join(root, 'node_modules/.bin/protoc-gen-es'),
          out: outDir,
          strategy: 'all',
          opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
        },
      ],
    };
    const buf = (...args: string[]): void => {
      execFileSync(join(root, 'node_modules/.bin/buf'), args, { cwd: protos, stdio: 'inherit' });
    };
    buf('generate', '.', '--template', JSON.stringify(template));
    makeLean(outDir);
    const descriptors = join(outDir, DESCRIPTORS);
    buf('build', '.', '--as-file-descriptor-set', '--exclude-source-info', '-o', descriptors);
    checkDescriptors(readFileSync(descriptors));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function makeLean(dir: string): void {
  for (const file of filesBelow(dir)) {
    const path = join(dir, file);
    const lean = leanSource(readFileSync(path, 'utf8'), file.split(sep).length - 1);
    if (lean === null) rmSync(path);
    else writeFileSync(path, lean);
  }
}

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && (entry.name.endsWith('.ts') || entry.name === DESCRIPTORS))
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort();
}

function digest(dir: string): string {
  const hash = createHash('sha256');
  for (const file of filesBelow(dir))
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(dir, file)))
      .update('\0');
  return `${CRATE.name} ${CRATE.version} sha256 ${hash.digest('hex')}\n`;
}

function check(): void {
  if (digest(target) !== readFileSync(digestFile, 'utf8')) {
    throw new Error('src/xds/gen was edited by hand or not regenerated (hint: npm run generate)');
  }
  if (spawnSync('cargo', ['--version']).status !== 0) {
    console.log('generated xDS types match their recorded digest (regeneration skipped: cargo is not installed)');
    return;
  }
  const scratch = mkdtempSync(join(tmpdir(), 'tulle-gen-'));
  try {
    generate(scratch);
    if (digest(scratch) !== digest(target))
      throw new Error('src/xds/gen differs from a fresh generation (hint: npm run generate)');
    console.log('generated xDS types are current');
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

if (process.argv.includes('--check')) {
  check();
} else {
  rmSync(target, { recursive: true, force: true });
  generate(target);
  writeFileSync(digestFile, digest(target));
}
