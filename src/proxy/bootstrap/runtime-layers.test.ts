import { expect, test, vi } from 'vitest';
import { adsSource } from '../config/config-source.ts';
import { RuntimeLayers } from './runtime-layers.ts';

const layers = () =>
  new RuntimeLayers([
    {
      name: 'base',
      kind: 'static',
      values: { a: { number: 5, share: { numerator: 1, denominator: 'TEN_THOUSAND' } }, flag: true, b: 1 },
    },
    {
      name: 'more',
      kind: 'static',
      values: {
        b: 2.5,
        text: '7',
        'a.words': 'so so',
        over: 300,
        less: -1,
        half: { numerator: 50 },
        yaml: '{numerator: 5, denominator: MILLION}',
        block: 'numerator: 7\ndenominator: HUNDRED',
        empty: {},
      },
    },
    { name: 'admin', kind: 'admin' },
  ]);

test.each<[key: string, number?: number, integer?: number, share?: number, flag?: boolean]>([
  ['a.number', 5, 5, 0.05],
  ['a.share', undefined, undefined, 0.0001],
  ['half', undefined, undefined, 0.5],
  ['flag', undefined, undefined, undefined, true],
  ['b', 2.5, 2, 0.02],
  ['text', 7, 7, 0.07],
  ['a.words'],
  ['over', 300, 300, 1],
  ['less', -1],
  ['yaml', undefined, undefined, 0.000005],
  ['block', undefined, undefined, 0.07],
  ['empty'],
  ['absent'],
])('%s', (key, number, integer, share, flag) => {
  const runtime = layers();
  expect([runtime.number(key), runtime.integer(key), runtime.share(key), runtime.flag(key)]).toEqual([
    number,
    integer,
    share,
    flag,
  ]);
});

test('an override holds until it is taken away, and whoever watches hears of it', () => {
  const runtime = layers();
  const changed = vi.fn();
  runtime.watch(changed);
  runtime.override([
    ['b', '9'],
    ['flag', 'False'],
    ['half', '{"numerator": 1, "denominator": "MILLION"}'],
  ]);
  expect([runtime.number('b'), runtime.flag('flag'), runtime.share('half')]).toEqual([9, false, 0.000001]);
  runtime.override([['b', '']]);
  expect(runtime.number('b')).toBe(2.5);
  expect(changed).toHaveBeenCalledTimes(2);
});

test('layers that change', () => {
  const runtime = new RuntimeLayers([
    { name: 'fixed', kind: 'static', values: { a: 1 } },
    { name: 'files', kind: 'disk', link: '/l', folder: '/l/f' },
    { name: 'sent', kind: 'rtds', resource: 'r', source: adsSource },
  ]);
  const other = new RuntimeLayers(runtime.layers);
  runtime.onChange = (changes) => other.set(changes);
  expect(runtime.describe()).toEqual({
    layers: ['fixed', 'sent'],
    entries: { a: { layer_values: ['1', ''], final_value: '1' } },
  });
  runtime.set([['files', new Map([['a', '2']])]]);
  expect([runtime.number('a'), other.number('a')]).toEqual([2, 2]);
  runtime.set([['sent', new Map([['a', 3]])]]);
  expect([runtime.number('a'), other.number('a')]).toEqual([3, 3]);
  expect(runtime.describe()).toEqual({
    layers: ['fixed', 'files', 'sent'],
    entries: { a: { layer_values: ['1', '2', '3'], final_value: '3' } },
  });
  runtime.set([['files', null]], true);
  expect(Object.fromEntries(runtime.statistics())).toMatchObject({
    'runtime.load_success': 3,
    'runtime.load_error': 1,
    'runtime.num_layers': 2,
    'runtime.num_keys': 1,
  });
  expect(runtime.override([['a', '1']])).toBe(false);
  expect(runtime.changeable()).toEqual([
    ['files', null],
    ['sent', new Map([['a', 3]])],
  ]);
});

test.each([
  ['a list', { a: { b: [1] } }, 'invalid runtime entry value for a.b'],
  ['null', { a: null }, 'invalid runtime entry value for a'],
])('%s is no value', (_, values, message) => {
  expect(() => new RuntimeLayers([{ name: 'l', kind: 'static', values }])).toThrow(message);
});
