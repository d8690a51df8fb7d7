import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadBootstrap } from './bootstrap.ts';
import { BootstrapError } from './bootstrap-error.ts';
import type { CommandLine } from './sources.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tulle-bootstrap-'));
});
afterAll(() => rm(folder, { recursive: true }));

const nothing: CommandLine = {
  configPath: '',
  configYaml: '',
  serviceNode: '',
  serviceCluster: '',
  serviceZone: '',
  statsTags: [],
  version: '1.2',
};
const load = (given: Partial<CommandLine>) => loadBootstrap({ ...nothing, ...given });

test('text is merged over the file, and options over both', async () => {
  const configPath = join(folder, 'b.yaml');
  await writeFile(
    configPath,
    `{ node: { id: file, cluster: web, locality: { region: r, zone: a } },
       stats_config: { stats_tags: [{ tag_name: from, fixed_value: file }] }, static_resources: { clusters: [{ name: one }] } }`,
  );
  const bootstrap = await load({
    configPath,
    configYaml: '{ node: { id: text }, static_resources: { clusters: [{ name: two }] } }',
    serviceNode: 'option',
    serviceZone: 'b',
    statsTags: ['pod:web-1', 'address:[::1]:80'],
  });
  expect(bootstrap.node).toMatchObject({ id: 'option', cluster: 'web', locality: { region: 'r', zone: 'b' } });
  expect(bootstrap.node).toMatchObject({ userAgentName: 'tulle', userAgentVersionType: { value: '1.2' } });
  expect(bootstrap.clusters.map(({ name }) => name)).toEqual(['one', 'two']);
  expect(bootstrap.message.statsConfig?.statsTags.map(({ tagName, tagValue }) => [tagName, tagValue.value])).toEqual([
    ['from', 'file'],
    ['pod', 'web-1'],
    ['address', '[::1]:80'],
  ]);
});

test('text alone is enough', async () => {
  expect((await load({ configYaml: 'node: { id: text }' })).node.id).toBe('text');
});

test.each<[name: string, given: Partial<CommandLine>, reason: RegExp]>([
  ['nothing', {}, /^nothing to start from \(hint: --config-path FILE or --config-yaml TEXT\)$/],
  ['a file that is not there', { configPath: '/nowhere/b.yaml' }, /^\/nowhere\/b\.yaml: ENOENT/],
  ['text that is no YAML', { configYaml: 'node: [' }, /^--config-yaml: /],
  ['a field that does not exist', { configYaml: '{ nod: {} }' }, /^--config-yaml: nod: no such field of envoy\.config/],
  ['a tag without a value', { configYaml: '{}', statsTags: ['pod'] }, /^--stats-tag pod: must be a name and a value/],
])('refuses %s', async (_, given, reason) => {
  const loading = load(given);
  await expect(loading).rejects.toThrow(BootstrapError);
  await expect(loading).rejects.toThrow(reason);
});
