import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Fragment } from '../model/fragment.ts';
import { type MeshObject, refOf } from '../model/object.ts';
import { type Origin, objectKey } from '../model/origin.ts';
import { parseFile } from '../sources/document.ts';
import { readAll } from './registry.ts';
import '../../test/support/same-cases.ts';

/** Every object of every golden case; each case has namespaces of its own, so that cases do not meet. */
const corpus: readonly MeshObject[] = globSync('*/testdata/*/in.yaml', { cwd: import.meta.dirname })
  .sort()
  .flatMap((file) => parseFile(file, readFileSync(join(import.meta.dirname, file), 'utf8')).objects);

const shuffled = (seeds: readonly number[]): MeshObject[] =>
  corpus
    .map((object, index) => ({ object, seed: seeds[index]! }))
    .sort((a, b) => a.seed - b.seed)
    .map(({ object }) => object);

test('the order of objects changes nothing', () => {
  const expected = readAll(corpus);
  const seeds = fc.array(fc.nat(), { minLength: corpus.length, maxLength: corpus.length });
  fc.assert(
    fc.property(seeds, (order) => {
      expect(readAll(shuffled(order))).toEqual(expected);
    }),
    { numRuns: 20 },
  );
});

/** What each object gave, by its name; origins inside lead to other objects only where one refers to another. */
function partsByObject(fragment: Fragment): Map<string, unknown[]> {
  const parts = new Map<string, unknown[]>();
  const withOrigin = [fragment.services, fragment.workloads, fragment.gateways, fragment.grants, fragment.routes];
  const policies = [fragment.destinations, fragment.authorizations, fragment.transports];
  for (const part of [...withOrigin, ...policies].flat() as { origin: Origin }[]) {
    const key = `${objectKey(part.origin)} ${part.origin.place?.file}`;
    parts.set(key, [...(parts.get(key) ?? []), part]);
  }
  return parts;
}

/** Their objects never refer to each other inside the reader. */
const independent = corpus.filter(({ apiVersion }) => !/smi-spec|linkerd/.test(apiVersion));

const hostile = fc.oneof(fc.jsonValue(), fc.constantFrom('', 'x', 0, -1, 1e99, true, [], {}, [[]], [null], [{}]));

/** The object with one node of its spec replaced, anywhere in it. */
function broken(object: MeshObject, path: readonly number[], value: unknown): MeshObject {
  const replace = (node: unknown, [first, ...rest]: readonly number[]): unknown => {
    if (typeof node !== 'object' || node === null || first === undefined) return value;
    const keys = Object.keys(node);
    if (keys.length === 0) return value;
    const key = keys[first % keys.length]!;
    const copy = Array.isArray(node) ? [...node] : { ...node };
    return Object.assign(copy, { [key]: replace((node as Record<string, unknown>)[key], rest) });
  };
  return {
    ...object,
    body: { ...object.body, spec: replace(object.body['spec'], path) },
    place: { ...object.place!, line: () => 1 },
  };
}

const victim = fc.record({
  index: fc.nat(independent.length - 1),
  path: fc.array(fc.nat(20), { maxLength: 8 }),
  value: hostile,
});

test('a broken object takes nothing from the others', () => {
  const expected = partsByObject(readAll(independent).fragment);
  fc.assert(
    fc.property(victim, ({ index, path, value }) => {
      const object = independent[index]!;
      const objects = independent.with(index, broken(object, path, value));
      const found = partsByObject(readAll(objects).fragment);
      const key = `${objectKey(refOf(object))} ${object.place?.file}`;
      found.delete(key);
      expect(found).toEqual(new Map([...expected].filter(([name]) => name !== key)));
    }),
    { numRuns: 100 },
  );
});

test('a missing object takes nothing from the others', () => {
  const expected = partsByObject(readAll(independent).fragment);
  for (const object of independent) {
    const key = `${objectKey(refOf(object))} ${object.place?.file}`;
    const found = partsByObject(readAll(independent.filter((other) => other !== object)).fragment);
    expect(found).toEqual(new Map([...expected].filter(([name]) => name !== key)));
  }
});

test('nothing that a file can hold makes a reader throw', () => {
  const any = fc.record({
    index: fc.nat(corpus.length - 1),
    path: fc.array(fc.nat(20), { maxLength: 10 }),
    value: hostile,
  });
  fc.assert(
    fc.property(fc.array(any, { minLength: 1, maxLength: 5 }), (breaks) => {
      const objects = breaks.reduce(
        (all, { index, path, value }) => all.with(index, broken(all[index]!, path, value)),
        [...corpus],
      );
      readAll(objects);
    }),
    { numRuns: 100 },
  );
});

test('an object nested without end is a problem, not a stack overflow', () => {
  let condition: unknown = { method: 'GET' };
  for (let depth = 0; depth < 50_000; depth++) condition = { all: [condition] };
  const spec = { routes: [{ name: 'deep', condition }] };
  const name = 'web.shop.svc.cluster.local';
  const object = { ...corpus[0]!, apiVersion: 'linkerd.io/v1alpha2', kind: 'ServiceProfile', name, namespace: 'shop' };
  const { problems } = readAll([{ ...object, body: { spec }, place: null }]);
  expect(problems.map(({ message }) => message)).toContain('conditions nested deeper than 8');
});
