import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import {
  CookieMatcherSchema,
  HeaderMatcherSchema,
  QueryParameterMatcherSchema,
  RouteMatchSchema,
} from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { StringMatcherSchema } from '../../../xds/gen/envoy/type/matcher/v3/string_pb.ts';
import { noRuntime } from '../../config/runtime-keys.ts';
import { HeaderMap } from '../../http/headers.ts';
import { requestHead } from '../../testing/exchange.ts';
import { compileCookie } from './cookie.ts';
import { compileHeader, compileResponseHeader } from './header-matcher.ts';
import { compilePath } from './path-matcher.ts';
import { compileQuery, pathOnly, queryValue } from './query.ts';
import { compileMatch } from './route-matcher.ts';
import { compileString } from './string-matcher.ts';

type Row = [matcher: JsonObject, matching: readonly string[], others: readonly string[]];
const bytes = (text: string) => Buffer.from(text).toString('latin1');

describe('string', () => {
  test.each<Row>([
    [{ exact: 'a' }, ['a'], ['A', 'ab', '']],
    [{ exact: '' }, [''], ['a']],
    [{ exact: 'aB', ignore_case: true }, ['AB', 'ab'], ['abc']],
    [{ prefix: '/a' }, ['/a', '/ab'], ['/', 'b/a']],
    [{ suffix: '.html' }, ['.html', 'x.html'], ['x.htm']],
    [{ contains: 'mid', ignore_case: true }, ['aMIDb'], ['mi-d']],
    [{ safe_regex: { regex: '[a-c]+' } }, ['abc'], ['abcd', '']],
    [{ exact: 'é' }, [bytes('é')], ['é']],
    [{ safe_regex: { regex: 'caf.' } }, [bytes('café'), 'cafe'], ['caf', 'cafés']],
  ])('%j', (matcher, matching, others) => {
    const matches = compileString(fromJson(StringMatcherSchema, matcher), 'm');
    expect(matching.filter((text) => !matches(text))).toEqual([]);
    expect(others.filter(matches)).toEqual([]);
  });

  test.each<[JsonObject, string]>([
    [{}, 'm: has no pattern'],
    [{ prefix: '' }, 'm.prefix: is empty'],
    [{ safe_regex: { regex: '(' } }, 'm.safe_regex.regex: '],
    [{ safe_regex: { regex: '' } }, 'm.safe_regex.regex: is empty'],
  ])('%j is refused', (matcher, wants) => {
    expect(() => compileString(fromJson(StringMatcherSchema, matcher), 'm')).toThrow(wants);
  });
});

describe('header', () => {
  const absent: readonly string[] = [];
  const with_ = (...values: string[]) => values.flatMap((value) => ['x', value]);
  test.each<[name: string, matcher: JsonObject, fields: readonly string[], wants: boolean]>([
    ['no specifier means present', {}, with_(''), true],
    ['no specifier, absent', {}, absent, false],
    ['present', { present_match: true }, with_('a'), true],
    ['absent wanted', { present_match: false }, absent, true],
    ['absent wanted, present', { present_match: false }, with_('a'), false],
    ['present inverted', { present_match: true, invert_match: true }, absent, true],
    ['exact', { string_match: { exact: 'a' } }, with_('a'), true],
    ['of a repeated header one is enough', { string_match: { exact: 'b' } }, with_('a', 'b'), true],
    ['a repeated header is not joined', { string_match: { exact: 'a,b' } }, with_('a', 'b'), false],
    [
      'inverted, none of a repeated header may',
      { string_match: { exact: 'b' }, invert_match: true },
      with_('a', 'b'),
      false,
    ],
    [
      'inverted, none of a repeated header does',
      { string_match: { exact: 'c' }, invert_match: true },
      with_('a', 'b'),
      true,
    ],
    ['inverted', { string_match: { exact: 'a' }, invert_match: true }, with_('b'), true],
    ['inverted does not match a missing header', { string_match: { exact: 'a' }, invert_match: true }, absent, false],
    [
      'missing as empty, inverted',
      { string_match: { exact: 'a' }, invert_match: true, treat_missing_header_as_empty: true },
      absent,
      true,
    ],
    ['missing as empty', { string_match: { exact: '' }, treat_missing_header_as_empty: true }, absent, true],
    ['deprecated exact', { exact_match: 'a' }, with_('a'), true],
    ['deprecated prefix', { prefix_match: 'ab' }, with_('abc'), true],
    ['deprecated suffix', { suffix_match: 'bc' }, with_('abc'), true],
    ['deprecated contains', { contains_match: 'b' }, with_('abc'), true],
    ['deprecated regex is whole', { safe_regex_match: { regex: 'b' } }, with_('abc'), false],
    ['range includes its start', { range_match: { start: '-5', end: '10' } }, with_('-5'), true],
    ['range excludes its end', { range_match: { start: '-5', end: '10' } }, with_('10'), false],
    ['range of no number', { range_match: { start: '0', end: '10' } }, with_('1x'), false],
  ])('%s', (_name, matcher, fields, wants) => {
    const matches = compileHeader(fromJson(HeaderMatcherSchema, { name: 'X', ...matcher }), 'h');
    expect(matches(requestHead({ headers: fields }))).toBe(wants);
  });

  test.each([
    [':method', 'POST'],
    [':path', '/a?b'],
    [':authority', 'h:1'],
    ['host', 'h:1'],
    [':scheme', 'https'],
  ])('%s', (name, exact) => {
    const matches = compileHeader(fromJson(HeaderMatcherSchema, { name, string_match: { exact } }), 'h');
    expect(matches(requestHead({ method: 'POST', path: '/a?b', authority: 'h:1', scheme: 'https' }))).toBe(true);
    expect(matches(requestHead())).toBe(false);
  });

  test('of a response, with :status', () => {
    const status = compileResponseHeader(
      fromJson(HeaderMatcherSchema, { name: ':status', range_match: { start: '500', end: '600' } }),
      'h',
    );
    expect([status(503, new HeaderMap()), status(404, new HeaderMap())]).toEqual([true, false]);
    const header = compileResponseHeader(fromJson(HeaderMatcherSchema, { name: 'X-Retry' }), 'h');
    expect([header(200, new HeaderMap(['x-retry', ''])), header(200, new HeaderMap())]).toEqual([true, false]);
  });

  test.each<[JsonObject, string]>([
    [{ name: '' }, 'h.name: is empty'],
    [{ name: 'x', prefix_match: '' }, 'h.prefix_match: is empty'],
    [{ name: 'x', string_match: {} }, 'h.string_match: has no pattern'],
  ])('%j is refused', (matcher, wants) => {
    expect(() => compileHeader(fromJson(HeaderMatcherSchema, matcher), 'h')).toThrow(wants);
  });
});

describe('query', () => {
  test.each<[path: string, name: string, wants: string | undefined]>([
    ['/', 'a', undefined],
    ['/?a=1', 'a', '1'],
    ['/?a', 'a', ''],
    ['/?b=2&a=1&a=3', 'a', '1'],
    ['/?ab=1', 'a', undefined],
    ['/?a=x=y', 'a', 'x=y'],
    ['/?%61=1', 'a', undefined],
    ['/?a=%2F%zz', 'a', '%2F%zz'],
    ['/?a=1+2', 'a', '1+2'],
    ['/?a=1#f&b=2', 'a', '1'],
    ['/?a=1#f&b=2', 'b', undefined],
    ['/?&&a=1', 'a', '1'],
    ['/?x&y=a=1', 'a', undefined],
  ])('%s %s', (path, name, wants) => {
    expect(queryValue(path, name)).toBe(wants);
  });

  test.each<[JsonObject, path: string, wants: boolean]>([
    [{}, '/?a', true],
    [{ present_match: false }, '/?a', false],
    [{ present_match: false }, '/?b', true],
    [{ string_match: { exact: '' } }, '/?b', false],
    [{ string_match: { prefix: '1' } }, '/?a=12', true],
  ])('%j on %s', (matcher, path, wants) => {
    expect(compileQuery(fromJson(QueryParameterMatcherSchema, { name: 'a', ...matcher }), 'q')(path)).toBe(wants);
  });

  test.each([
    ['/a?b#c', '/a'],
    ['/a#c?b', '/a'],
    ['/a', '/a'],
  ])('path of %s', (path, wants) => {
    expect(pathOnly(path)).toBe(wants);
  });
});

test('a cookie that must not be, is not', () => {
  const matcher = { name: 'id', string_match: { exact: 'x' }, invert_match: true };
  const matches = compileCookie(fromJson(CookieMatcherSchema, matcher), 'c');
  expect([[], ['cookie', 'id=y'], ['cookie', 'id=x']].map((headers) => matches(requestHead({ headers })))).toEqual([
    true,
    true,
    false,
  ]);
});

test.each<[cookies: readonly string[], wants: boolean]>([
  [['cookie', 'a=1; id=x'], true],
  [['cookie', 'a=1', 'cookie', 'id="x"'], true],
  [['cookie', 'id=y; id=x'], false],
  [['cookie', 'xid=x'], false],
  [[], false],
])('cookie id is x in %j: %s', (headers, wants) => {
  const matches = compileCookie(fromJson(CookieMatcherSchema, { name: 'id', string_match: { exact: 'x' } }), 'c');
  expect(matches(requestHead({ headers }))).toBe(wants);
});

describe('path', () => {
  test.each<Row>([
    [{ prefix: '/' }, ['/', '/a'], ['', '*']],
    [{ prefix: '/a' }, ['/a', '/ab', '/a/b'], ['/A', '/']],
    [{ prefix: '/A', case_sensitive: false }, ['/a', '/Ab'], ['/b']],
    [{ path: '/a' }, ['/a'], ['/a/', '/ab']],
    [{ path: '/a', case_sensitive: false }, ['/A'], []],
    [{ path_separated_prefix: '/a' }, ['/a', '/a/', '/a/b'], ['/ab', '/']],
    [{ safe_regex: { regex: '/b[io]t' } }, ['/bit', '/bot'], ['/bits', '/a/bit']],
  ])('%j', (match, matching, others) => {
    const matches = compilePath(fromJson(RouteMatchSchema, match), 'm');
    expect(matching.filter((path) => !matches(path))).toEqual([]);
    expect(others.filter(matches)).toEqual([]);
  });

  test.each<[JsonObject, string]>([
    [{}, 'm: has no path specifier'],
    [{ path_separated_prefix: '/a/' }, 'm.path_separated_prefix: must not end in /'],
    [{ path_separated_prefix: '/a?b' }, 'm.path_separated_prefix: '],
    [{ safe_regex: { regex: 'a**' } }, 'm.safe_regex.regex: '],
  ])('%j is refused', (match, wants) => {
    expect(() => compilePath(fromJson(RouteMatchSchema, match), 'm')).toThrow(wants);
  });
});

describe('route', () => {
  const matches = (match: JsonObject, request: Parameters<typeof requestHead>[0], random = 0) => {
    const head = requestHead(request);
    const test = compileMatch(fromJson(RouteMatchSchema, { prefix: '/', ...match }), 'm');
    return test.matches(head, pathOnly(head.path), null, random, noRuntime);
  };

  test('everything must hold', () => {
    const match = { headers: [{ name: 'a' }, { name: 'b' }], query_parameters: [{ name: 'q' }] };
    expect(matches(match, { path: '/?q', headers: ['a', '', 'b', ''] })).toBe(true);
    expect(matches(match, { path: '/?q', headers: ['a', ''] })).toBe(false);
    expect(matches(match, { path: '/', headers: ['a', '', 'b', ''] })).toBe(false);
  });

  test('grpc is by content type', () => {
    expect(matches({ grpc: {} }, { headers: ['content-type', 'application/grpc+proto'] })).toBe(true);
    expect(matches({ grpc: {} }, { headers: ['content-type', 'application/grpc-web'] })).toBe(false);
  });

  test('a runtime fraction is its default', () => {
    const match = { runtime_fraction: { default_value: { numerator: 25, denominator: 'HUNDRED' } } };
    expect([matches(match, {}, 0.2499), matches(match, {}, 0.25)]).toEqual([true, false]);
  });
});
