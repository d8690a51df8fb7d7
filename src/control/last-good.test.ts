import { expect, test } from 'vitest';
import type { MeshObject } from '../model/object.ts';
import { parseFile } from '../sources/document.ts';
import { LastGood } from './last-good.ts';

type Files = Readonly<Record<string, string>>;

const services = (...names: string[]): string =>
  names.map((name) => `{ apiVersion: v1, kind: Service, metadata: { name: ${name} } }`).join('\n---\n');

const BROKEN = `${services('partial')}\n---\n[`;

/** What runs after each state of the files. */
function play(...states: Files[]): string[] {
  const lastGood = new LastGood();
  return states.map((files) => {
    const contents = Object.entries(files).map(([file, text]) => parseFile(file, text));
    const objects: readonly MeshObject[] = contents.flatMap((content) => content.objects);
    const merged = lastGood.merge(
      objects,
      contents.flatMap((content) => content.problems),
    );
    return merged
      .map(({ name }) => name)
      .sort()
      .join(' ');
  });
}

test.each<[name: string, states: Files[], runs: string[]]>([
  ['files that parse are as they are', [{ a: services('x', 'y') }, { a: services('x') }], ['x y', 'x']],
  [
    'a broken file keeps what it said',
    [
      { a: services('x'), b: services('y') },
      { a: BROKEN, b: services('z') },
    ],
    ['x y', 'x z'],
  ],
  [
    'for as long as it is broken',
    [{ a: services('x') }, { a: BROKEN }, { a: BROKEN }, { a: services('w') }],
    ['x', 'x', 'x', 'w'],
  ],
  ['one that was always broken gives what can be read', [{ a: BROKEN }, { a: services('x') }], ['partial', 'x']],
  ['a file that is gone is forgotten', [{ a: services('x') }, {}, { a: BROKEN }], ['x', '', 'partial']],
  [
    'what moved to another file is not doubled',
    [{ a: services('x', 'y') }, { a: BROKEN, b: services('y') }],
    ['x y', 'x y'],
  ],
])('%s', (_, states, runs) => {
  expect(play(...states)).toEqual(runs);
});

test('a folder that cannot be read keeps all its files', () => {
  const lastGood = new LastGood();
  const { objects } = parseFile('mesh/a.yaml', services('x'));
  const [problem] = parseFile('mesh', '[').problems;
  lastGood.merge(objects, []);
  expect(lastGood.merge([], [problem!])).toEqual(objects);
});
