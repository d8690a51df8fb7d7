import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { RuntimeLayers } from '../bootstrap/runtime-layers.ts';
import { RuntimeFolders } from './runtime-folders.ts';

let root: string;
const open: RuntimeFolders[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tulle-runtime-'));
});
afterEach(() => {
  for (const one of open.splice(0)) one.close();
  rmSync(root, { recursive: true });
});

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}

/** As whoever rolls a folder out: in one step. */
function lead(link: string, to: string): void {
  symlinkSync(to, join(root, `${link}.new`));
  renameSync(join(root, `${link}.new`), join(root, link));
}

function follow(subdirectories: readonly string[]): { runtime: RuntimeLayers; problems: string[] } {
  const link = join(root, 'current');
  const runtime = new RuntimeLayers(
    subdirectories.map((one) => ({ name: one, kind: 'disk', link, folder: join(link, one) })),
  );
  const problems: string[] = [];
  const folders = new RuntimeFolders(runtime, (reason) => problems.push(reason));
  open.push(folders);
  folders.start();
  return { runtime, problems };
}

test('files are values, their paths are keys, comments are left out', () => {
  write({ 'v1/a/b/number': '# why\n5\n', 'v1/a/flag': 'true\n', 'v1/share': '{numerator: 5, denominator: MILLION}' });
  lead('current', 'v1');
  const { runtime } = follow(['']);
  expect([runtime.number('a.b.number'), runtime.flag('a.flag'), runtime.share('share')]).toEqual([5, true, 0.000005]);
});

test('a link that is swapped leads to other values, for every layer that it leads to', async () => {
  write({ 'v1/x/a': '1', 'v1/y/b': '1', 'v2/x/a': '2' });
  lead('current', 'v1');
  const { runtime } = follow(['x', 'y', 'z']);
  expect(runtime.describe()).toMatchObject({ layers: ['x', 'y'] });
  lead('current', 'v2');
  await waitFor('the new values', () => runtime.number('a') === 2);
  expect(runtime.describe()).toMatchObject({ layers: ['x'] });
});

test('a folder that cannot be read is no layer', async () => {
  write({ 'v1/a': '1' });
  symlinkSync('/nowhere', join(root, 'v1/dangling'));
  lead('current', 'v1');
  const { runtime, problems } = follow(['']);
  expect(runtime.number('a')).toBeUndefined();
  expect(problems).toEqual([expect.stringContaining('ENOENT')]);
  expect(Object.fromEntries(runtime.statistics())['runtime.load_error']).toBe(1);
});

test('a link that cannot be watched is told at the start', () => {
  const runtime = new RuntimeLayers([{ name: 'l', kind: 'disk', link: '/nowhere/link', folder: '/nowhere/link' }]);
  const folders = new RuntimeFolders(runtime, () => undefined);
  expect(() => folders.start()).toThrow(/^layered_runtime: layer l: ENOENT/);
});
