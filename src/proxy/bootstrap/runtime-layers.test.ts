import { expect, test, vi } from 'vitest';
import { RuntimeLayers } from './runtime-layers.ts';

const layers = () =>
  new RuntimeLayers([
    {
      name: 'base',
      values: { a: { number: 5, share: { numerator: 1, denominator: 'TEN_THOUSAND' } }, flag: true, b: 1 },
    },
    { name: 'more', values: { b: 2.5, text: '7', 'a.words': 'so so', over: 300, less: -1, half: { numerator: 50 } } },
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
