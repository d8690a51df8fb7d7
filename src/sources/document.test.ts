import { expect, test } from 'vitest';
import { parseFile } from './document.ts';

const summary = (text: string) => {
  const { objects, problems } = parseFile('f.yaml', text);
  return {
    objects: objects.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`),
    problems: problems.map(({ origin, message }) => `${origin.place?.line}: ${message}`),
  };
};

const object = (name: string): string => `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\n`;

test.each<[string, string, string[], string[]]>([
  [
    'several documents, some empty',
    `${object('a')}---\n---\n# nothing\n---\n${object('b')}`,
    ['Service default/a', 'Service default/b'],
    [],
  ],
  [
    'JSON, with tabs',
    '{\n\t"apiVersion": "v1",\n\t"kind": "Service",\n\t"metadata": {"name": "a"}\n}',
    ['Service default/a'],
    [],
  ],
  [
    'a List',
    'apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: a}}\n- {kind: Service}\n- 7\n',
    ['Service default/a'],
    ['5: apiVersion is missing', '6: not an object: it has no apiVersion and kind'],
  ],
  [
    'cluster-scoped kinds have no namespace',
    'apiVersion: v1\nkind: Namespace\nmetadata: {name: n, namespace: x}\n',
    ['Namespace /n'],
    [],
  ],
  ['a group may use a core name', 'apiVersion: x.io/v1\nkind: Node\nmetadata: {name: n}\n', ['Node default/n'], []],
  [
    'an empty namespace is the default',
    'apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: ""}\n',
    ['Pod default/p'],
    [],
  ],
  ['no name', 'apiVersion: v1\nkind: Pod\nmetadata: {}\n', [], ['1: Pod: metadata.name is missing']],
  ['no metadata', 'apiVersion: v1\nkind: Pod\n', [], ['1: Pod: metadata.name is missing']],
  ['no kind', 'apiVersion: v1\nmetadata: {name: a}\n', [], ['1: kind is missing']],
  [
    'odd namespace',
    'apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: 5}\n',
    [],
    ['1: Pod a: metadata.namespace is not a string'],
  ],
  ['a bare text', 'just text\n', [], ['1: not an object: it has no apiVersion and kind']],
  ['nothing at all', '', [], []],
])('%s', (_, text, objects, problems) => {
  expect(summary(text)).toEqual({ objects, problems });
});

test('a syntax error is a problem with its line, and leaves the other documents alone', () => {
  const { objects, problems } = summary(`${object('a')}---\nkind: [1, 2\nname: x\n---\n${object('b')}`);
  expect(objects).toEqual(['Service default/a', 'Service default/b']);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/^[5-8]: /);
});

test('a key written twice is a syntax error', () => {
  const { objects, problems } = summary(`${object('a')}metadata: { name: b }\n`);
  expect(objects).toEqual([]);
  expect(problems[0]).toMatch(/^4: map keys must be unique/i);
});

test('aliases that expand without end are refused', () => {
  const levels = Array.from({ length: 12 }, (_, level) => {
    const below = level === 0 ? '"lol"' : `*l${level - 1}`;
    return `l${level}: &l${level} [${Array(10).fill(below).join(', ')}]`;
  });
  const { objects, problems } = summary(`${object('a')}${levels.join('\n')}\n---\n${object('b')}`);
  expect(objects).toEqual(['Service default/b']);
  expect(problems[0]).toMatch(/cannot be read/);
});

test.each([
  ['an alias to what contains it', 'spec: &a { b: *a }'],
  ['nesting without end', `spec: ${'['.repeat(50_000)}${']'.repeat(50_000)}`],
  ['a merge of what is no map', 'spec: { <<: 5 }'],
])('%s is refused, and the next document is read', (_, spec) => {
  const { objects, problems } = summary(`${object('a')}${spec}\n---\n${object('b')}`);
  expect(objects).toEqual(['Service default/b']);
  expect(problems).toHaveLength(1);
});

test('more documents than anyone writes are refused', () => {
  const { objects, problems } = summary('---\na: 1\n'.repeat(10_001));
  expect([objects, problems]).toEqual([[], ['0: more than 10000 documents in one file']]);
});

test('keys of the prototype are plain data', () => {
  const [parsed] = parseFile('f.yaml', `${object('a')}__proto__: { polluted: true }\n`).objects;
  expect(Object.hasOwn(parsed!.body, '__proto__')).toBe(true);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('only strings become labels and annotations', () => {
  const text = 'apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {x: y, n: 1}, annotations: [1]}\n';
  const [parsed] = parseFile('f.yaml', text).objects;
  expect([parsed!.labels, parsed!.annotations]).toEqual([{ x: 'y' }, {}]);
});

test.each<[string, (string | number)[], number]>([
  ['the object', [], 2],
  ['a field: the line of its key', ['spec'], 6],
  ['an item of a list', ['spec', 'ports', 1], 9],
  ['a field of an item', ['spec', 'ports', 1, 'port'], 10],
  ['a field that is not there: its nearest ancestor', ['spec', 'ports', 1, 'name', 'x'], 9],
  ['an index that is not there', ['spec', 'ports', 7], 7],
  ['through an alias, where it was written', ['spec', 'copy', 'app'], 5],
])('line of %s', (_, path, line) => {
  const text =
    '# a comment\napiVersion: v1\nkind: Service\nmetadata: { name: a,\n  labels: &l { app: x } }\nspec:\n  ports:\n    - port: 80\n    - protocol: TCP\n      port: 81\n  copy: *l\n';
  expect(parseFile('f.yaml', text).objects[0]!.place!.line(path)).toBe(line);
});

test('lines inside a List count from the file', () => {
  const text =
    'apiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: Pod\n    metadata: { name: a }\n    spec:\n      x: 1\n';
  expect(parseFile('f.yaml', text).objects[0]!.place!.line(['spec', 'x'])).toBe(8);
});
