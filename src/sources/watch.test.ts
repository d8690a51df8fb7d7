import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Reading } from './files.ts';
import { type Delay, type FileWatch, watchFiles } from './watch.ts';

let folder: string;
let root: string;
let open: FileWatch[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tulle-watch-'));
  root = join(folder, 'mesh');
});
afterEach(async () => {
  for (const watch of open) watch.close();
  open = [];
  await rm(folder, { recursive: true });
});

const pod = (name: string): string => `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\n`;
const put = (file: string, text: string): Promise<void> => writeFile(join(root, file), text);
const names = ({ objects }: Reading): string => objects.map(({ name }) => name).join(' ');

/** Collects readings; `until` waits for one that holds the names. */
function watching(path: string, delay?: Delay): { readings: Reading[]; until(expected: string): Promise<Reading> } {
  const readings: Reading[] = [];
  let wake: () => void = () => {};
  const onChange = (reading: Reading): void => {
    readings.push(reading);
    wake();
  };
  open.push(watchFiles(path, onChange, delay));
  const until = async (expected: string): Promise<Reading> => {
    for (;;) {
      const last = readings.at(-1);
      if (last !== undefined && names(last) === expected) return last;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { readings, until };
}

test('what is there comes first, then each change', async () => {
  await mkdir(root);
  await put('a.yaml', pod('a'));
  const watch = watching(root);
  await watch.until('a');
  await put('b.yaml', pod('b'));
  await watch.until('a b');
  await rm(join(root, 'a.yaml'));
  await watch.until('b');
});

test('an editor that saves by rename is seen, again and again', async () => {
  await mkdir(root);
  await put('a.yaml', pod('v0'));
  const watch = watching(root);
  await watch.until('v0');
  for (const version of ['v1', 'v2', 'v3']) {
    await put('a.yaml.tmp', pod(version));
    await rename(join(root, 'a.yaml.tmp'), join(root, 'a.yaml'));
    await watch.until(version);
  }
});

test('a single file that is saved by rename is seen', async () => {
  await mkdir(root);
  await put('a.yaml', pod('v0'));
  const watch = watching(join(root, 'a.yaml'));
  await watch.until('v0');
  for (const version of ['v1', 'v2']) {
    await put('new', pod(version));
    await rename(join(root, 'new'), join(root, 'a.yaml'));
    await watch.until(version);
  }
});

test('folders that appear, vanish and come back are followed', async () => {
  const watch = watching(root);
  const [reading] = [await watch.until('')];
  expect(reading.problems[0]!.message).toMatch(/cannot be read/);
  await mkdir(join(root, 'inner'), { recursive: true });
  await put('inner/a.yaml', pod('a'));
  await watch.until('a');
  await rm(root, { recursive: true });
  await watch.until('');
  await mkdir(join(root, 'inner'), { recursive: true });
  await put('inner/b.yaml', pod('b'));
  await watch.until('b');
  await put('inner/c.yaml', pod('c'));
  await watch.until('b c');
});

test('unchanged files keep their objects; a broken file is a problem and nothing else', async () => {
  await mkdir(root);
  await put('a.yaml', pod('a'));
  await put('b.yaml', pod('b'));
  const watch = watching(root);
  const before = await watch.until('a b');
  await put('b.yaml', 'kind: [');
  const after = await watch.until('a');
  expect(after.objects[0]).toBe(before.objects[0]);
  expect(after.problems).toHaveLength(1);
});

test('events within the quiet time are one reading, and one that changes nothing is not told', async () => {
  await mkdir(root);
  await put('a.yaml', pod('a'));
  // Time stands still: the test lets the wait end when it wants.
  let due: (() => void) | null = null;
  let scheduled: () => void = () => {};
  const delay: Delay = (_, then) => {
    due = then;
    scheduled();
    return () => {
      due = null;
    };
  };
  const nextEvent = (): Promise<void> =>
    new Promise((resolve) => {
      scheduled = resolve;
    });
  const watch = watching(root, delay);
  await watch.until('a');
  const event = nextEvent();
  await Promise.all([put('b.yaml', pod('b')), put('c.yaml', pod('c')), put('a.yaml', pod('a'))]);
  await event;
  expect(watch.readings).toHaveLength(1);
  due!();
  await watch.until('a b c');
  expect(watch.readings).toHaveLength(2);
  const touched = nextEvent();
  await put('a.yaml', pod('a'));
  await touched;
  due!();
  const changed = nextEvent();
  await put('d.yaml', pod('d'));
  await changed;
  due!();
  await watch.until('a b c d');
  expect(watch.readings).toHaveLength(3);
});

test('after close nothing is told', async () => {
  await mkdir(root);
  const watch = watching(root);
  await watch.until('');
  open[0]!.close();
  const other = watching(root);
  await put('a.yaml', pod('a'));
  await other.until('a');
  expect(watch.readings).toHaveLength(1);
});
