// Files that change: replaced, swapped through a link as Kubernetes does, half written, gone.
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { selfSign } from '../../identity/certificate.ts';
import { exportPrivateKey, generateKeys } from '../../identity/workload-keys.ts';
import type { SecretValue } from '../config/tls-types.ts';
import { FileWatch } from './file-watch.ts';
import { SecretFiles } from './secret-files.ts';
import { SecretStore } from './secret-store.ts';

let folder: string;
const closers: (() => void)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-secret-files-'));
});
afterEach(() => {
  for (const close of closers.splice(0)) close();
  rmSync(folder, { recursive: true });
});

function watched(...names: string[]): () => number {
  let changes = 0;
  const files = names.map((name) => join(folder, name));
  const watch = new FileWatch(files, () => {
    changes += 1;
  });
  closers.push(() => watch.close());
  return () => changes;
}

/** As Kubernetes' atomic writer: a folder of its own for each version, and one link to the newest. */
function swap(version: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(join(folder, version));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, version, name), text);
  symlinkSync(version, join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
}

test('a file that is replaced', async () => {
  writeFileSync(join(folder, 'a'), '1');
  const changes = watched('a');
  writeFileSync(join(folder, 'b'), '2');
  renameSync(join(folder, 'b'), join(folder, 'a'));
  await waitFor('the change', () => changes() === 1);
});

test('a link that is swapped, again and again', async () => {
  swap('..1', { a: 'one' });
  symlinkSync('..data/a', join(folder, 'a'));
  const changes = watched('a');
  swap('..2', { a: 'two' });
  await waitFor('the first change', () => changes() === 1);
  swap('..3', { a: 'three' });
  await waitFor('the second change', () => changes() === 2);
});

test('a folder that is a link', async () => {
  for (const name of ['v1', 'v2', 'v3']) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'a'), name);
  }
  const point = (name: string) => {
    symlinkSync(name, join(folder, 'tmp'));
    renameSync(join(folder, 'tmp'), join(folder, 'live'));
  };
  point('v1');
  const changes = watched('live/a');
  point('v2');
  await waitFor('the first change', () => changes() === 1);
  point('v3');
  await waitFor('the second change', () => changes() === 2);
  writeFileSync(join(folder, 'v3', 'a'), 'other');
  await waitFor('a change in the new folder', () => changes() === 3);
});

test('the same contents are no change', async () => {
  writeFileSync(join(folder, 'a'), '1');
  const changes = watched('a');
  const other = watched('b');
  writeFileSync(join(folder, 'a'), '1');
  writeFileSync(join(folder, 'b'), '2');
  await waitFor('the other change', () => other() === 1);
  expect(changes()).toBe(0);
});

let pairs: readonly { readonly chain: string; readonly key: string }[];
beforeAll(async () => {
  const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
  const make = async () => {
    const keys = await generateKeys();
    return { chain: await selfSign(keys, 'a.domain', validity), key: await exportPrivateKey(keys) };
  };
  pairs = await Promise.all([make(), make()]);
});

test('a certificate is used once its key is there, too', async () => {
  const [chain, key] = [join(folder, 'chain'), join(folder, 'key')];
  const [first, second] = [pairs[0]!, pairs[1]!];
  writeFileSync(chain, first.chain);
  writeFileSync(key, first.key);
  const problems: string[] = [];
  const delivered: SecretValue[] = [];
  const files = new SecretFiles((reason) => void problems.push(reason));
  closers.push(() => files.close());
  const read = (): SecretValue => ({
    kind: 'certificate',
    chain: readFileSync(chain, 'utf8'),
    key: readFileSync(key, 'utf8'),
  });
  files.follow('own', { files: [chain, key], read, deliver: (value) => void delivered.push(value) });
  writeFileSync(chain, second.chain);
  await waitFor('the complaint', () => problems.some((text) => text.includes('is not that of the certificate')));
  expect(delivered).toEqual([]);
  writeFileSync(key, second.key);
  await waitFor('the pair', () => delivered.length > 0);
  expect(delivered.at(-1)).toMatchObject({ chain: second.chain });
  rmSync(key);
  await waitFor('another complaint', () => problems.some((text) => text.includes('ENOENT')));
  expect(delivered.length).toBe(1);
});

test('what nobody uses is followed no more', async () => {
  writeFileSync(join(folder, 'a'), '1');
  const files = new SecretFiles(() => undefined);
  closers.push(() => files.close());
  let reads = 0;
  const read = (): SecretValue => {
    reads += 1;
    return { kind: 'trust', roots: '' };
  };
  files.follow('own', { files: [join(folder, 'a')], read, deliver: () => undefined });
  files.forgetOthers(new Set());
  const changes = watched('a');
  writeFileSync(join(folder, 'a'), '2');
  await waitFor('the change', () => changes() === 1);
  expect(reads).toBe(0);
});

test('a place of use that wants its files followed', async () => {
  const path = join(folder, 'roots');
  writeFileSync(path, pairs[0]!.chain);
  const delivered: string[] = [];
  const store = new SecretStore({
    open: () => expect.unreachable('no source is asked'),
    onSecret: (source, name, value) => {
      if (value.kind === 'trust') delivered.push(`${source} ${name} ${value.roots}`);
    },
    onProblem: (reason) => expect.unreachable(reason),
  });
  closers.push(() => store.close());
  const read = (): SecretValue => ({ kind: 'trust', roots: readFileSync(path, 'utf8') });
  const ref = { kind: 'files', name: 'n', files: [path], secret: read(), read } as const;
  store.use('listener', [ref]);
  store.use('cluster', [ref]);
  store.use('listener', []);
  expect(store.has(ref)).toBe(true);
  writeFileSync(path, pairs[1]!.chain);
  await waitFor('the new roots', () => delivered.length === 1);
  expect(delivered).toEqual([`files n ${pairs[1]!.chain}`]);
  store.use('cluster', []);
  const changes = watched('roots');
  writeFileSync(path, pairs[0]!.chain);
  await waitFor('the change', () => changes() === 1);
  expect(delivered.length).toBe(1);
});
