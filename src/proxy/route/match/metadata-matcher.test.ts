import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ValueMatcherSchema } from '../../../xds/gen/envoy/type/matcher/v3/value_pb.ts';
import { compileValue } from './metadata-matcher.ts';

const compile = (json: JsonObject) => compileValue(fromJson(ValueMatcherSchema, json), 'v');

test.each<[JsonObject, unknown, unknown]>([
  [{ nullMatch: {} }, null, 0],
  [{ boolMatch: true }, true, 'true'],
  [{ presentMatch: true }, 'anything', undefined],
  [{ stringMatch: { prefix: 'a' } }, 'abc', 1],
  [{ doubleMatch: { exact: 2.5 } }, 2.5, '2.5'],
  [{ doubleMatch: { range: { start: 1, end: 2 } } }, 1, 2],
  [{ listMatch: { oneOf: { stringMatch: { exact: 'x' } } } }, ['y', 'x'], 'x'],
  [{ orMatch: { valueMatchers: [{ boolMatch: true }, { stringMatch: { exact: 'x' } }] } }, 'x', false],
])('%j', (matcher, matching, other) => {
  const matches = compile(matcher);
  expect(matches(matching)).toBe(true);
  if (other !== undefined) expect(matches(other)).toBe(false);
});

test.each([
  [true, 'v', true],
  [true, null, true],
  [true, undefined, false],
  [false, 'v', false],
  [false, null, false],
  [false, undefined, false],
])('present_match %s of %j', (presentMatch, value, wants) => {
  expect(compile({ presentMatch })(value)).toBe(wants);
});

test.each<[JsonObject, string]>([
  [{}, 'v: has no match_pattern'],
  [{ doubleMatch: {} }, 'v.double_match: has no match_pattern'],
  [{ orMatch: { valueMatchers: [{}, {}] } }, 'v.or_match.value_matchers[0]: has no match_pattern'],
])('%j is refused', (matcher, wants) => {
  expect(() => compile(matcher)).toThrow(wants);
});
