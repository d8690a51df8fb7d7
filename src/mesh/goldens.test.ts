// Every `testdata/<case>/in.yaml` through readers, plan and encoding, against the files beside it. `UPDATE_GOLDENS=1` writes them anew.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { meshCases, planCase, resourceJson } from '../../test/support/mesh-case.ts';
import { encodePlan } from '../encode/plan.ts';
import { describeOrigin, type Origin } from '../model/origin.ts';
import type { Problem } from '../model/problem.ts';
import type { Snapshot } from '../xds/resource.ts';
import { defaultRetry } from './dialects.ts';
import type { ProxyPlan } from './plan.ts';

const update = process.env['UPDATE_GOLDENS'] !== undefined;
const cases = readdirSync(meshCases).sort();

test('there are cases', () => {
  expect(cases.length).toBeGreaterThan(10);
});

test.each(cases)('%s', (folder) => {
  const path = join(meshCases, folder);
  const { plans, problems, reading } = planCase(folder);
  const expected: Record<string, string> = {
    'in.yaml': readFileSync(join(path, 'in.yaml'), 'utf8'),
    'plan.yaml': stringify(brief(plans), { lineWidth: 140 }),
    'xds.yaml': stringify(resources(plans), { lineWidth: 140, aliasDuplicateObjects: false }),
    'problems.txt': [...reading, ...problems].map(problemLine).join(''),
  };
  for (const [file, text] of Object.entries(expected)) check(join(path, file), text);
  expect(readdirSync(path).filter((file) => expected[file] === undefined)).toEqual([]);
});

/** An empty golden is an absent file. */
function check(file: string, text: string): void {
  if (update) {
    if (text === '') rmSync(file, { force: true });
    else writeFileSync(file, text);
  }
  expect(existsSync(file) ? readFileSync(file, 'utf8') : '', `${basename(dirname(file))}/${basename(file)}`).toBe(text);
}

const problemLine = ({ severity, code, origin, message, hint }: Problem): string =>
  `${origin.place?.line ?? '?'}: ${severity} ${code}: ${describeOrigin(origin)}: ${message}${hint === '' ? '' : ` (hint: ${hint})`}\n`;

/** Each resource once, with the proxies that get these very bytes; defaults left out, origins as one word. */
function resources(plans: readonly ProxyPlan[]): unknown {
  const found = new Map<string, { proxies: string[]; shapedBy: string; resource: unknown }>();
  for (const plan of plans) {
    for (const { typeUrl: type, name, version, bytes, origins } of all(encodePlan(plan))) {
      const key = `${type.slice(type.lastIndexOf('.') + 1)} ${name} ${version}`;
      const entry = found.get(key);
      if (entry !== undefined) entry.proxies.push(plan.proxy.name);
      else {
        const json = resourceJson[type](bytes);
        found.set(key, { proxies: [plan.proxy.name], shapedBy: origins.join(' '), resource: briefJson(json) });
      }
    }
  }
  return Object.fromEntries(
    [...found].map(([key, { proxies, shapedBy, resource }]) => [
      key.replace(/ [0-9a-f]{16}$/, ` for ${proxies.join(' ')}`),
      { shapedBy, resource },
    ]),
  );
}

const all = (snapshot: Snapshot) => [...snapshot.resources.values()].flatMap((byName) => [...byName.values()]);

/** Origins as one word, and the secret source, always the same, as its name. */
function briefJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(briefJson);
  if (typeof value !== 'object' || value === null) return value;
  const record = value as Record<string, unknown>;
  if ('dialect' in record && 'path' in record)
    return `${record['kind']} ${record['namespace']}/${record['name']} ${record['path']} @${record['line']}`;
  if ('apiConfigSource' in record) return 'sds-grpc';
  return Object.fromEntries(Object.entries(record).map(([key, item]) => [key, briefJson(item)]));
}

/** Only what is not the default, and origins as one word: so that a person can check it. */
function brief(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((item) => brief(item) ?? 'nothing');
  if (typeof value !== 'object' || value === null)
    return value === null || value === '' || value === false ? undefined : value;
  if ('dialect' in value && 'path' in value)
    return `${describeOrigin(value as Origin)} @${(value as Origin).place?.line ?? '?'}`;
  const record = value as Record<string, unknown>;
  if (record['kind'] === 'off') return 'off';
  if (Array.isArray(record['on']) && 'limit' in record)
    return isDeepStrictEqual(record, defaultRetry('istio')) ? 'default' : JSON.stringify(record);
  if (record['kind'] === 'set') return brief(record['value']) ?? 'set';
  const allow = record['allow'];
  if ('deny' in record && Array.isArray(allow) && allow.length === 0) return { ...record, allow: 'nobody' };
  const said = Object.entries(record)
    .map(([key, item]) => [key, brief(item)] as const)
    .filter(([, item]) => item !== undefined);
  return said.length === 0 ? undefined : Object.fromEntries(said);
}
