import { expect, test } from 'vitest';
import type { MeshObject } from '../../model/object.ts';
import { describeOrigin } from '../../model/origin.ts';
import type { Problem } from '../../model/problem.ts';
import { type Fields, readObject } from './fields.ts';
import { integer, text } from './values.ts';

const objectOf = (body: Record<string, unknown>): MeshObject => ({
  apiVersion: 'v1',
  kind: 'Thing',
  name: 't',
  namespace: 'ns',
  labels: {},
  annotations: {},
  created: '',
  body,
  place: { file: 'f.yaml', line: (path) => path.length + 1 },
});

function read<T>(
  body: Record<string, unknown>,
  reader: (root: Fields) => T,
): { value: T; lines: string[]; problems: Problem[] } {
  const problems: Problem[] = [];
  const value = readObject(objectOf(body), 'istio', problems, reader);
  const lines = problems.map(({ severity, code, origin, message, hint }) =>
    [`${severity} ${code}`, describeOrigin(origin), message, ...(hint === '' ? [] : [hint])].join(' | '),
  );
  return { value, lines, problems };
}

test('what is absent or null is no problem', () => {
  const { value, lines } = read({ a: null }, (root) => [
    root.get('a', text),
    root.get('b', text),
    root.list('c', text),
    root.map('d', text),
    root.object('e', () => 1),
    root.objects('f', () => 1),
    root.everyOf('g', text),
  ]);
  expect(value).toEqual([null, null, [], [], null, [], null]);
  expect(lines).toEqual([]);
});

test('apiVersion, kind, metadata and status are nobody’s unread fields', () => {
  expect(read({ apiVersion: 'v1', kind: 'Thing', metadata: {}, status: {} }, () => 0).lines).toEqual([]);
});

test('a field that nobody asks for is a problem at its own path and line, at every depth', () => {
  const body = { spec: { list: [{ known: 1 }, { knwon: 1, 'odd key': 2 }] } };
  const { lines, problems } = read(body, (root) =>
    root.object('spec', (spec) => spec.objects('list', (item) => item.get('known', integer(0, 9)))),
  );
  expect(lines).toEqual([
    'warning unknown-field | Thing ns/t spec.list[1].knwon | unknown field "knwon" | known?',
    'warning unknown-field | Thing ns/t spec.list[1]["odd key"] | unknown field "odd key"',
  ]);
  expect(problems[0]!.origin.place).toEqual({ file: 'f.yaml', line: 5 });
});

test('wrong items are left out, good ones stay', () => {
  const body = { list: ['a', 1, 'b'], map: { x: 'a', y: 2 }, objects: [{ n: 1 }, 'no', null, { n: 2 }] };
  const { value, lines } = read(body, (root) => ({
    list: root.list('list', text),
    map: root.map('map', text),
    objects: root.objects('objects', (item) => item.get('n', integer(0, 9))),
  }));
  expect(value).toEqual({ list: ['a', 'b'], map: [['x', 'a']], objects: [1, 2] });
  expect(lines).toEqual([
    'error invalid | Thing ns/t list[1] | 1 is not a string | put it in quotes',
    'error invalid | Thing ns/t map.y | 2 is not a string | put it in quotes',
    'error invalid | Thing ns/t objects[1] | "no" is not an object',
    'error invalid | Thing ns/t objects[2] | null is not an object',
  ]);
});

test('the wrong shape of a container is one problem', () => {
  const { lines } = read({ list: {}, map: [], object: 3, objects: 'x' }, (root) => {
    root.list('list', text);
    root.map('map', text);
    root.object('object', () => 0);
    root.objects('objects', () => 0);
  });
  expect(lines.map((line) => line.split(' | ')[2])).toEqual([
    'an object is not a list',
    'a list is not an object',
    '3 is not an object',
    '"x" is not a list',
  ]);
});

test.each<[string, Record<string, unknown>, string[] | null]>([
  ['all good', { l: ['a', 'b'] }, ['a', 'b']],
  ['one wrong', { l: ['a', 2] }, null],
  ['empty', { l: [] }, null],
  ['no list', { l: 'a' }, null],
])('everyOf is all or nothing: %s', (_, body, expected) => {
  expect(read(body, (root) => root.everyOf('l', text)).value).toEqual(expected);
});

test('failed is about errors here and below; complete also about what is unknown and unsupported', () => {
  const { value } = read(
    { bad: { n: 'x' }, odd: { what: 1 }, later: { todo: 1 }, fine: { n: 1 }, noted: { n: 1 } },
    (root) => {
      const judge = (key: string, read: (at: Fields) => void) =>
        root.object(key, (at) => {
          read(at);
          return [at.failed, at.complete()];
        });
      const number = (at: Fields) => at.get('n', integer(0, 9));
      return {
        bad: judge('bad', number),
        odd: judge('odd', number),
        later: judge('later', (at) => at.unsupported('todo')),
        fine: judge('fine', number),
        noted: judge('noted', (at) => at.note('n', 'by the way', String(number(at)))),
        root: root.failed,
      };
    },
  );
  expect(value).toEqual({
    bad: [true, false],
    odd: [false, false],
    later: [false, false],
    fine: [false, true],
    noted: [false, true],
    root: true,
  });
});

test('required fields', () => {
  const { lines } = read({ o: {} }, (root) => {
    root.require('a', text);
    root.requireObject('b', () => 0);
    root.object('o', (o) => o.require('c', text));
  });
  expect(lines).toEqual([
    'error invalid | Thing ns/t | a is missing',
    'error invalid | Thing ns/t | b is missing',
    'error invalid | Thing ns/t o | c is missing',
  ]);
});

test('keys that JavaScript gives every object are fields like any other', () => {
  const body = JSON.parse('{"spec": {"__proto__": {"polluted": "x"}, "constructor": "y"}}') as Record<string, unknown>;
  const { lines } = read(body, (root) =>
    root.object('spec', (spec) => [spec.has('toString'), spec.get('valueOf', text)]),
  );
  expect(lines.map((line) => line.split(' | ')[2])).toEqual([
    'unknown field "__proto__"',
    'unknown field "constructor"',
  ]);
});
