// What everything at random is made of: small alphabets, so that what is asked for is often there.
import fc from 'fast-check';

export type Json = Readonly<Record<string, unknown>>;

const words = ['a', 'b', 'ab', 'A', 'a.b', '12', 'a-b'];
const values = ['a', 'b', 'ab', 'aB', '12', '-3', 'a,b'];
export const names = ['x-a', 'x-b', 'x-c'];

const word = fc.constantFrom(...words);
export const value = fc.constantFrom(...values);
export const name = fc.constantFrom(...names);
export const path = fc
  .tuple(fc.array(word, { maxLength: 3 }), fc.boolean())
  .map(([parts, slash]) => `/${parts.join('/')}${slash && parts.length > 0 ? '/' : ''}`);
export const bare = fc.array(word, { minLength: 1, maxLength: 2 }).map((parts) => `/${parts.join('/')}`);

/** A StringMatcher. */
export const text = fc.oneof(
  fc.record({ exact: value }),
  fc.record({ prefix: value, ignore_case: fc.boolean() }),
  fc.record({ suffix: value }),
  fc.record({ contains: value, ignore_case: fc.boolean() }),
  fc.constantFrom('a.*', '[ab]+', '\\d+', 'a|b').map((regex) => ({ safe_regex: { regex } })),
);

/** In tables of seldom and often, `{}` most of the time. */
export const seldom = <Value>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | object> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary });
