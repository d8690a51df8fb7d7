import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileCache, readFiles } from './files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tulle-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

const pod = (name: string, extra = ''): string => `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\n${extra}`;

const put = async (file: string, text: string): Promise<void> => {
  await mkdir(join(folder, file, '..'), { recursive: true });
  await writeFile(join(folder, file), text);
};

async function summary(path = folder): Promise<{ objects: string[]; problems: string[] }> {
  const { objects, problems } = await readFiles(path);
  return {
    objects: objects.map(({ name, place }) => `${name} ${relative(folder, place!.file)}`),
    problems: problems.map(
      ({ code, origin, message }) =>
        `${code} ${relative(folder, origin.name)}:${origin.place!.line} ${message.replaceAll(`${folder}/`, '')}`,
    ),
  };
}

test('a folder is read with all below it, in the order of names; hidden and other files are not', async () => {
  await put('b.yml', pod('b'));
  await put('a/deep/c.yaml', pod('c'));
  await put('z.json', JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'z' } }));
  await put('notes.txt', 'no');
  await put('.#b.yaml', pod('lock'));
  await put('.git/d.yaml', pod('hidden'));
  expect(await summary()).toEqual({ objects: ['c a/deep/c.yaml', 'b b.yml', 'z z.json'], problems: [] });
});

test('a single file is read whatever its name', async () => {
  await put('config', pod('a'));
  expect((await summary(join(folder, 'config'))).objects).toEqual(['a config']);
});

test('a path that is not there is a problem', async () => {
  expect((await summary(join(folder, 'nowhere'))).problems).toEqual([
    'syntax nowhere:0 cannot be read: no such file or folder',
  ]);
});

test('a broken file leaves the others alone', async () => {
  await put('a.yaml', pod('a'));
  await put('b.yaml', 'kind: [\n');
  const { objects, problems } = await summary();
  expect(objects).toEqual(['a a.yaml']);
  expect(problems[0]).toMatch(/^syntax b\.yaml:/);
});

test('of two objects of one name the first is kept, and the problem names both places', async () => {
  await put('a.yaml', pod('same'));
  await put('b.yaml', `# moved down\n${pod('same')}`);
  expect(await summary()).toEqual({
    objects: ['same a.yaml'],
    problems: ['conflict b.yaml:2 Pod default/same is also at a.yaml:1, which is kept'],
  });
});

test('the same kind in another group is another object; another version is not', async () => {
  const gateway = (apiVersion: string): string =>
    `apiVersion: ${apiVersion}\nkind: Gateway\nmetadata: { name: front }\n`;
  await put('a.yaml', gateway('networking.istio.io/v1'));
  await put('b.yaml', gateway('gateway.networking.k8s.io/v1'));
  await put('c.yaml', gateway('networking.istio.io/v1beta1'));
  const { objects, problems } = await summary();
  expect(objects).toHaveLength(2);
  expect(problems).toHaveLength(1);
});

test('a file over the limit is refused unread', async () => {
  await put('a.yaml', pod('a'));
  await put('big.yaml', '');
  await truncate(join(folder, 'big.yaml'), 5 * 1024 * 1024);
  const { objects, problems } = await summary();
  expect(objects).toEqual(['a a.yaml']);
  expect(problems).toEqual(['syntax big.yaml:0 larger than 4194304 bytes']);
});

test('a device is not read', async () => {
  await symlink('/dev/zero', join(folder, 'zero.yaml'));
  expect((await summary()).problems).toEqual(['syntax zero.yaml:0 not a regular file']);
});

test('unchanged files keep the identities of their objects', async () => {
  await put('a.yaml', pod('a'));
  await put('b.yaml', pod('b'));
  const cache = new FileCache();
  const [a, b] = (await cache.read(folder)).objects;
  await put('b.yaml', pod('b', 'spec: {}\n'));
  const [a2, b2] = (await cache.read(folder)).objects;
  expect(a2).toBe(a);
  expect(b2).not.toBe(b);
});
