// Every `<dialect>/testdata/<case>/in.yaml` against the fragment and the problems beside it. `UPDATE_GOLDENS=1` writes them anew.
import { existsSync, globSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { describeOrigin, type Origin } from '../model/origin.ts';
import type { Problem } from '../model/problem.ts';
import { parseFile } from '../sources/document.ts';
import { readAll } from './registry.ts';

const update = process.env['UPDATE_GOLDENS'] !== undefined;
const cases = globSync('*/testdata/*', { cwd: import.meta.dirname }).sort();

test('there are cases', () => {
  expect(cases.length).toBeGreaterThan(10);
});

test.each(cases)('%s', (folder) => {
  const path = join(import.meta.dirname, folder);
  const { objects, problems } = parseFile('in.yaml', readFileSync(join(path, 'in.yaml'), 'utf8'));
  const read = readAll(objects);
  const expected: Record<string, string> = {
    'in.yaml': readFileSync(join(path, 'in.yaml'), 'utf8'),
    'fragment.yaml': stringify(brief(read.fragment) ?? {}, { lineWidth: 140 }),
    'problems.txt': [...problems, ...read.problems].map(problemLine).join(''),
  };
  for (const [file, text] of Object.entries(expected)) check(join(path, file), text);
  expect(readdirSync(path).filter((file) => expected[file] === undefined)).toEqual([]);
});

/** An empty golden is an absent file. */
function check(file: string, text: string): void {
  const empty = text === '' || text === '{}\n';
  if (update) {
    if (empty) rmSync(file, { force: true });
    else writeFileSync(file, text);
  }
  const found = existsSync(file) ? readFileSync(file, 'utf8') : '';
  expect(found, `${basename(dirname(file))}/${basename(file)}`).toBe(empty ? '' : text);
}

function problemLine({ severity, code, origin, message, hint }: Problem): string {
  const line = origin.place === null ? '?' : origin.place.line;
  return `${line}: ${severity} ${code}: ${describeOrigin(origin)}: ${message}${hint === '' ? '' : ` (hint: ${hint})`}\n`;
}

/** Only what is not the default, origins and small unions as one word each: so that a person can check it. */
function brief(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((item) => brief(item) ?? 'nothing');
  if (typeof value !== 'object' || value === null) {
    return value === null || value === '' || value === false ? undefined : value;
  }
  if ('dialect' in value && 'path' in value) return briefOrigin(value as Origin);
  const record = value as Record<string, unknown>;
  const { kind, ...rest } = record;
  if (kind === 'default') return undefined;
  if (kind === 'set') return brief(record['value']) ?? 'set';
  if (kind === 'term') return words(record['term']);
  if ((kind === 'any' || kind === 'all' || kind === 'not') && 'of' in rest)
    return { [kind]: brief(rest['of']) ?? 'nothing' };
  const parts = Object.entries(rest).map(([key, item]) => [key, brief(item)] as const);
  const said = parts.filter(([, item]) => item !== undefined);
  if (said.length === 0) return kind;
  if (typeof kind === 'string' && said.every(([key]) => key === 'value')) return `${kind} ${rest['value']}`;
  return Object.fromEntries(kind === undefined ? said : [['kind', kind], ...said]);
}

/** `principal exact cluster.local/ns/shop/sa/web` */
function words(value: unknown): string {
  return typeof value === 'object' && value !== null ? Object.values(value).map(words).join(' ') : String(value);
}

const briefOrigin = (origin: Origin): string => `${describeOrigin(origin)} @${origin.place?.line ?? '?'}`;
