// Holds every folder of src/ to its sign (README.md): what it may import and use, purity, no cycles, no folder without a sign.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { expect, test } from 'vitest';
import { breaches, type SourceTree } from './support/signs/rules.ts';

const source = join(import.meta.dirname, '../src');

function readTree(): SourceTree {
  const files = readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && (entry.name.endsWith('.ts') || entry.name === 'README.md'))
    .map((entry) => relative(source, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((file) => !file.startsWith('xds/gen/') && !file.includes('testdata/'))
    .sort();
  return new Map(files.map((file) => [file, readFileSync(join(source, file), 'utf8')]));
}

test('the tree is read', () => {
  expect(readTree().has('model/README.md')).toBe(true);
  expect(readTree().size).toBeGreaterThan(20);
});

test('every folder keeps to its sign', () => {
  expect(breaches(readTree()).join('\n')).toBe('');
});
