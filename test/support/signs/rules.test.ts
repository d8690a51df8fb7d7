// The checker is checked on trees in memory: each row is one file among well-behaved ones and the breaches it must cause.
import { describe, expect, test } from 'vitest';
import { codeOf } from './code.ts';
import { importsOf } from './imports.ts';
import { breaches } from './rules.ts';

function sign(mayImport: string, mayUse: string): string {
  return `# room\n\nwhat it is\n\n- Start: a.ts\n- May import: ${mayImport}\n- May use: ${mayUse}\n- Never: x\n`;
}

const HOUSE = {
  'lib/README.md': sign('nothing', 'node:path'),
  'lib/clock.ts': 'export const a = 1;\n',
  'model/README.md': sign('lib', 'nothing'),
  'model/route.ts': 'export type Route = 1;\n',
  'proxy/README.md': sign('lib, xds/gen, proxy/http', 'node:net, @scope/pack, yaml'),
  'proxy/runtime.ts':
    "import { connect } from 'node:net';\nimport { head } from './http/head.ts';\nexport const r = [connect, head];\n",
  'proxy/http/README.md': sign('lib (types only), proxy/limits.ts', 'nothing'),
  'proxy/http/head.ts': "import { l } from '../limits.ts';\nexport const head = l;\n",
  'proxy/limits.ts': 'export const l = 1;\n',
};

function breachesWith(files: Record<string, string>): string[] {
  return breaches(new Map(Object.entries({ ...HOUSE, ...files })));
}

describe('rules', () => {
  const rows: [name: string, files: Record<string, string>, wants: string[]][] = [
    ['a well-behaved house', {}, []],
    [
      'folder without a sign',
      { 'odd/x.ts': '' },
      ['src/odd has .ts files and no sign (hint: write src/odd/README.md as src/model/README.md is)'],
    ],
    [
      'sub-folder without a sign',
      { 'model/deep/x.ts': '' },
      ['src/model/deep has .ts files and no sign (hint: write src/model/deep/README.md as src/model/README.md is)'],
    ],
    [
      'sign without a line',
      { 'lib/README.md': '# lib\n- May import: nothing\n' },
      ['src/lib/README.md has 0 lines "- May use:", wants one'],
    ],
    [
      'sign naming nothing',
      { 'lib/README.md': sign('modle', 'nothing') },
      ['src/lib/README.md: "May import" names modle, which is no folder or file of src'],
    ],
    [
      'import not allowed',
      { 'lib/x.ts': "\nimport { a } from '../model/route.ts';" },
      ['src/lib/x.ts:2: import of ../model/route.ts: "May import" of src/lib/README.md does not allow model'],
    ],
    [
      'type import not allowed',
      { 'lib/x.ts': "import type { a } from '../model/route.ts';" },
      ['src/lib/x.ts:1: import of ../model/route.ts: "May import" of src/lib/README.md does not allow model'],
    ],
    [
      'dynamic import not allowed',
      { 'lib/x.ts': "const m = await import('../model/route.ts');" },
      ['src/lib/x.ts:1: import of ../model/route.ts: "May import" of src/lib/README.md does not allow model'],
    ],
    [
      're-export not allowed',
      { 'lib/x.ts': "export {\n  a,\n} from '../model/route.ts';" },
      ['src/lib/x.ts:1: import of ../model/route.ts: "May import" of src/lib/README.md does not allow model'],
    ],
    [
      'a prefix of a folder is not the folder',
      { 'model/x.ts': "import '../lib2/y.ts';", 'lib2/y.ts': '', 'lib2/README.md': sign('none', 'none') },
      ['src/model/x.ts:1: import of ../lib2/y.ts: "May import" of src/model/README.md does not allow lib2'],
    ],
    [
      'a room covers its sub-rooms, not the other way round',
      { 'proxy/http/x.ts': "import '../runtime.ts';" },
      ['src/proxy/http/x.ts:1: import of ../runtime.ts: "May import" of src/proxy/http/README.md does not allow proxy'],
    ],
    [
      'the nearest sign decides',
      { 'proxy/http/x.ts': "import 'node:net';" },
      ['src/proxy/http/x.ts:1: import of node:net: "May use" of src/proxy/http/README.md does not list node:net'],
    ],
    [
      'generated types need leave',
      { 'model/x.ts': "import type { C } from '../xds/gen/envoy/c_pb.ts';" },
      [
        'src/model/x.ts:1: import of ../xds/gen/envoy/c_pb.ts: "May import" of src/model/README.md does not allow xds/gen/envoy',
      ],
    ],
    ['generated types with leave', { 'proxy/x.ts': "import type { C } from '../xds/gen/envoy/c_pb.ts';" }, []],
    [
      'package not listed',
      { 'proxy/x.ts': "import pino from 'pino';" },
      ['src/proxy/x.ts:1: import of pino: "May use" of src/proxy/README.md does not list pino'],
    ],
    ['deep path of a scoped package', { 'proxy/x.ts': "import a from '@scope/pack/deep.js';" }, []],
    [
      'a module is not its sub-module',
      { 'proxy/x.ts': "import a from 'node:net/x';" },
      ['src/proxy/x.ts:1: import of node:net/x: "May use" of src/proxy/README.md does not list node:net/x'],
    ],
    [
      'out of src',
      { 'proxy/x.ts': "import '../../bench/x.ts';" },
      ['src/proxy/x.ts:1: import of ../../bench/x.ts: leaves src'],
    ],
    [
      'no such file',
      { 'proxy/x.ts': "import './nowhere.ts';" },
      ['src/proxy/x.ts:1: import of ./nowhere.ts: there is no src/proxy/nowhere.ts'],
    ],
    [
      'code that imports a test',
      { 'lib/x.ts': "import './y.test.ts';", 'lib/y.test.ts': '' },
      ['src/lib/x.ts:1: import of ./y.test.ts: is a test'],
    ],
    [
      'tests may import anything',
      { 'model/x.test.ts': "import 'node:fs';\nimport '../proxy/runtime.ts';\nDate.now();" },
      [],
    ],
    [
      'cycle',
      { 'lib/x.ts': "import { y } from './y.ts';", 'lib/y.ts': "import { x } from './x.ts';" },
      ['import cycle: src/lib/x.ts → src/lib/y.ts → src/lib/x.ts'],
    ],
    [
      'file that imports itself',
      { 'lib/x.ts': "import { x } from './x.ts';" },
      ['import cycle: src/lib/x.ts → src/lib/x.ts'],
    ],
    [
      'cycle of types only',
      { 'lib/x.ts': "import { y } from './y.ts';", 'lib/y.ts': "import type { x } from './x.ts';" },
      [],
    ],
    [
      'clock in a pure room',
      { 'model/x.ts': 'const a = 1;\nconst b = Date.now();' },
      ['src/model/x.ts:2: pure room uses Date'],
    ],
    ['new Date in a pure room', { 'model/x.ts': 'new Date(1);' }, ['src/model/x.ts:1: pure room uses Date']],
    ['randomness in a pure room', { 'model/x.ts': 'Math.random();' }, ['src/model/x.ts:1: pure room uses Math.random']],
    ['environment in a pure room', { 'model/x.ts': 'f(process.env.A);' }, ['src/model/x.ts:1: pure room uses process']],
    ['timer in a pure room', { 'model/x.ts': 'setTimeout(f, 1);' }, ['src/model/x.ts:1: pure room uses a timer']],
    [
      'files in a pure room, even when its sign says so',
      { 'model/README.md': sign('lib', 'node:fs'), 'model/x.ts': "import 'node:fs';" },
      ['src/model/x.ts:1: pure room uses node:fs'],
    ],
    [
      'impure words in strings, comments and members',
      {
        'model/x.ts':
          "// Date.now()\nconst a = 'process.env' + plan.process.x + `Math.random()` + 'Date.now()';\ntype Date2 = 1;",
      },
      [],
    ],
    ['clock in another room', { 'lib/x.ts': 'Date.now();' }, []],
  ];
  test.each(rows)('%s', (_name, files, wants) => {
    expect(breachesWith(files)).toEqual(wants);
  });
});

describe('imports', () => {
  const rows: [name: string, text: string, wants: string[]][] = [
    ['side effect', "import './a.ts';", ['./a.ts']],
    ['namespace', "import * as a from './a.ts';", ['./a.ts']],
    ['default and named', "import a, { b } from 'a';", ['a']],
    ['over lines', "import {\n  a,\n  type B,\n} from 'a';", ['a']],
    ['a name that is from', "import { from } from 'a';", ['a']],
    ['types', "import type { A } from 'a';", ['a type']],
    ['re-exports', "export * from 'a';\nexport { b } from 'b';\nexport type { C } from 'c';", ['a', 'b', 'c type']],
    ['dynamic', "const a = await import('a');\nload(import('b'));", ['a', 'b']],
    [
      'in types',
      "type A = import('a').A;\nlet b: import('b').B;\nlet c: typeof import('c');",
      ['a type', 'b type', 'c type'],
    ],
    ['require', "const a = require('a');", ['a']],
    [
      'not in comments or strings',
      "// import 'a';\n/* import 'b'; */\nconst s = \"import 'c';\";\nconst t = `\nimport 'd';\n`;",
      [],
    ],
    ['not a property', "a.import('a'); a.require('b'); import.meta.dirname;", []],
    ['an export that is no re-export', "export const from = 'a';\nexport { x };\nconst y = 'b';", []],
    [
      'after a regular expression with quotes',
      "const q = /['\"`/]+/;\nimport('a');\nconst d = 1 / 2; import('b'); 3 / 4;",
      ['a', 'b'],
    ],
    ['inside a template hole', `\`\${await import('a')} import('b') \${{ c: \`\${import('c')}\` }}\`;`, ['a', 'c']],
  ];
  test.each(rows)('%s', (_name, text, wants) => {
    expect(importsOf(text).map(({ specifier, typeOnly }) => (typeOnly ? `${specifier} type` : specifier))).toEqual(
      wants,
    );
  });

  test('blanking keeps every offset and line', () => {
    const text = `const a = 'x🙂y'; // z\nconst b = \`1\${a}2\n3\`;`;
    expect(codeOf(text)).toHaveLength(text.length);
    expect(
      codeOf(text)
        .split('\n')
        .map((line) => line.trimEnd()),
    ).toEqual(['const a =       ;', 'const b =     a', '  ;']);
  });
});
