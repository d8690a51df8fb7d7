import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseExposition, parseLabels } from './prometheus-parser.ts';
import '../../test/support/same-cases.ts';

type Sample = [name: string, labels: string, value: number];

function read(text: string): { samples: Sample[]; fault: string } {
  const samples: Sample[] = [];
  const fault = parseExposition(text, (...sample) => void samples.push(sample));
  return { samples, fault: fault === null ? '' : `${fault.line}: ${fault.reason}` };
}

const good: readonly [name: string, text: string, samples: Sample[]][] = [
  ['nothing', '', []],
  ['comments and empty lines', '# HELP a b\n\n  # TYPE a counter\n', []],
  ['a name alone', 'up 1\n', [['up', '', 1]]],
  ['no newline at the end', 'up 1', [['up', '', 1]]],
  ['labels', 'a{b="c",d="e"} 2.5\n', [['a', 'b="c",d="e"', 2.5]]],
  ['a blank before the labels', 'a {b="c"} 2\n', [['a', 'b="c"', 2]]],
  ['a brace in a value', 'a{b="}"} 3\n', [['a', 'b="}"', 3]]],
  ['an escaped quote in a value', 'a{b="\\"}"} 3\n', [['a', 'b="\\"}"', 3]]],
  ['a timestamp', 'a 1 1700000000000\n', [['a', '', 1]]],
  ['exponents', 'a 1.5e+3\n', [['a', '', 1500]]],
  ['infinity', 'a +Inf\nb -Inf\n', [['a', '', Infinity], ['b', '', -Infinity]]], // biome-ignore format: one case a line
  ['not a number', 'a NaN\n', [['a', '', NaN]]],
];

test.each(good)('reads %s', (_name, text, samples) => {
  expect(read(text)).toEqual({ samples, fault: '' });
});

const bad: readonly [name: string, text: string, fault: string][] = [
  ['no value', 'a\n', '1: "" is not a number'],
  ['a word for a value', 'x 1\na one\n', '2: "one" is not a number'],
  ['a hexadecimal value', 'a 0x10\n', '1: "0x10" is not a number'],
  ['open labels', 'a{b="c" 1\n', '1: labels are not closed'],
  ['an open quote', 'a{b="c} 1\n', '1: labels are not closed'],
  ['text after the value', 'a 1 2 3\n', '1: text after the value'],
  ['a name that begins with a digit', '1a 1\n', '1: a metric name must begin with a letter, _ or :'],
  ['HTML', '<html>', '1: a metric name must begin with a letter, _ or :'],
];

test.each(bad)('refuses %s', (_name, text, fault) => {
  expect(read(text).fault).toBe(fault);
});

const labels: readonly [text: string, found: Record<string, string> | null][] = [
  ['', {}],
  ['a="b"', { a: 'b' }],
  ['a="b",', { a: 'b' }],
  [' a = "b" , c="" ', { a: 'b', c: '' }],
  ['a="x\\"y\\\\z\\n"', { a: 'x"y\\z\n' }],
  ['a="b",a="c"', null],
  ['a="b" c="d"', null],
  ['a=b', null],
  ['a="\\t"', null],
  ['1="b"', null],
];

test.each(labels)('labels %j', (text, found) => {
  expect(parseLabels(text)).toEqual(found === null ? null : new Map(Object.entries(found)));
});

test('whatever was written is read back', () => {
  const name = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/);
  const quote = (value: string) => value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
  const sample = fc.record({ name, labels: fc.dictionary(name, fc.string(), { maxKeys: 4 }), value: fc.double() });
  fc.assert(
    fc.property(fc.array(sample), (samples) => {
      const text = samples.map((one) => {
        const pairs = Object.entries(one.labels).map(([key, value]) => `${key}="${quote(value)}"`);
        const value = Number.isFinite(one.value) ? String(one.value) : 'NaN';
        return `${one.name}{${pairs.join(',')}} ${value}\n`;
      });
      const found = read(text.join(''));
      expect(found.fault).toBe('');
      expect(found.samples.map(([key]) => key)).toEqual(samples.map((one) => one.name));
      for (const [i, [, pairs]] of found.samples.entries()) {
        expect(Object.fromEntries(parseLabels(pairs) ?? [])).toEqual({ ...samples[i]?.labels });
      }
    }),
  );
});

test('no text makes it throw', () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'a{}="\\, \n1#') }), (text) => void read(text)));
});
