import { fromBinary, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { type Any, StringValueSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, test, vi } from 'vitest';
import { types } from '../../xds/descriptors/types.ts';
import { MatcherSchema } from '../../xds/gen/xds/type/matcher/v3/matcher_pb.ts';
import { noRuntime } from '../config/runtime-keys.ts';
import { peerTls, type RequestInit, testExchange } from '../testing/exchange.ts';
import { expressionTree } from '../testing/expression-tree.ts';
import { compileMatcher } from './matcher.ts';
import { filterInputs, routeInputs, runtimeOf } from './request-inputs.ts';

const TYPE = 'type.googleapis.com';
const NETWORK = `${TYPE}/envoy.extensions.matching.common_inputs.network.v3`;
const SSL = `${TYPE}/envoy.extensions.matching.common_inputs.ssl.v3`;
const extension = (type: string, fields: JsonObject = {}): JsonObject => ({
  name: 'any',
  typed_config: { '@type': type, ...fields },
});
const header = (name: string) =>
  extension(`${TYPE}/envoy.type.matcher.v3.HttpRequestHeaderMatchInput`, { header_name: name });
const to = (value: string): JsonObject => ({
  action: extension(`${TYPE}/google.protobuf.StringValue`, { value }),
});
const single = (input: JsonObject, match: JsonObject): JsonObject => ({
  single_predicate: { input, value_match: match },
});
const isOne = (name: string): JsonObject => single(header(name), { exact: '1' });
const list = (...matchers: (readonly [predicate: JsonObject, next: JsonObject])[]): JsonObject => ({
  matcher_list: { matchers: matchers.map(([predicate, on_match]) => ({ predicate, on_match })) },
});
const tree = (type: string, map: Record<string, JsonObject>): JsonObject => ({
  matcher_tree: { input: header('x'), [type]: { map } },
});
const ranges = (...entries: (readonly [prefix: string, length: number, next: JsonObject, exclusive?: boolean])[]) => ({
  matcher_tree: {
    input: header('x'),
    custom_match: extension(`${TYPE}/xds.type.matcher.v3.IPMatcher`, {
      range_matchers: entries.map(([address_prefix, prefix_len, on_match, exclusive = false]) => ({
        ranges: [{ address_prefix, prefix_len }],
        on_match,
        exclusive,
      })),
    }),
  },
});

function compile(matcher: JsonObject, inputs = filterInputs) {
  const kind = {
    inputs,
    runtime: runtimeOf,
    compileAction: ({ value }: Any) => fromBinary(StringValueSchema, value).value,
  };
  return compileMatcher(fromJson(MatcherSchema, matcher, { registry: types }), kind, 'm');
}

function answer(matcher: JsonObject, request: RequestInit = {}, change: Parameters<typeof testExchange>[1] = {}) {
  const exchange = testExchange(request, change);
  exchange.filterState = new Map([['tenant', 'blue']]);
  exchange.metadata = new Map([['ns', { deep: { key: 'found' } }]]);
  return compile(matcher)({
    request: exchange.request,
    exchange,
    runtime: { ...noRuntime, share: (key) => (key === 'none' ? 0 : undefined) },
  });
}

describe('lists', () => {
  const first = list([isOne('a'), to('a')], [isOne('b'), to('b')]);
  const nested = list([isOne('a'), { matcher: list([isOne('c'), to('c')]) }], [isOne('b'), to('b')]);
  test.each<[name: string, matcher: JsonObject, headers: string[], wants: string | null]>([
    ['first', first, ['a', '1', 'b', '1'], 'a'],
    ['second', first, ['b', '1'], 'b'],
    ['none', first, [], null],
    ['otherwise', { ...first, on_no_match: to('other') }, [], 'other'],
    ['nothing but otherwise', { on_no_match: to('other') }, [], 'other'],
    ['nothing at all', {}, [], null],
    ['nested', nested, ['a', '1', 'b', '1', 'c', '1'], 'c'],
    ['on after a nested one that fails', nested, ['a', '1', 'b', '1'], 'b'],
    ['and', list([{ and_matcher: { predicate: [isOne('a'), isOne('b')] } }, to('x')]), ['a', '1'], null],
    ['and, all', list([{ and_matcher: { predicate: [isOne('a'), isOne('b')] } }, to('x')]), ['a', '1', 'b', '1'], 'x'],
    ['or', list([{ or_matcher: { predicate: [isOne('a'), isOne('b')] } }, to('x')]), ['b', '1'], 'x'],
    ['not', list([{ not_matcher: isOne('a') }, to('x')]), [], 'x'],
    ['not, but it is', list([{ not_matcher: isOne('a') }, to('x')]), ['a', '1'], null],
  ])('%s', (_name, matcher, headers, wants) => {
    expect(answer(matcher, { headers })).toBe(wants);
  });
});

describe('trees', () => {
  const nothing: JsonObject = { matcher: list([isOne('missing'), to('never')]) };
  const exact = { ...tree('exact_match_map', { one: to('1'), é: to('e'), none: nothing }), on_no_match: to('other') };
  const prefix = tree('prefix_match_map', { a: to('a'), ab: nothing, abc: to('abc') });
  const inside = ranges(
    ['10.0.0.0', 8, to('ten')],
    ['10.1.0.0', 16, nothing],
    ['172.16.0.0', 12, to('private'), true],
    ['172.17.0.0', 16, nothing],
    ['::', 0, to('six')],
  );
  test.each<[name: string, matcher: JsonObject, value: string | null, wants: string | null]>([
    ['exact', exact, 'one', '1'],
    ['exact, bytes', exact, Buffer.from('é').toString('latin1'), 'e'],
    ['no such key', exact, 'two', 'other'],
    ['a key whose matcher fails', exact, 'none', 'other'],
    ['no value', exact, null, 'other'],
    ['prefix', prefix, 'ax', 'a'],
    ['longest prefix', prefix, 'abcd', 'abc'],
    ['the next shorter prefix', prefix, 'abx', 'a'],
    ['no prefix', prefix, 'b', null],
    ['range', inside, '10.9.9.9', 'ten'],
    ['a range whose matcher fails', inside, '10.1.2.3', 'ten'],
    ['an exclusive range', inside, '172.16.2.3', 'private'],
    ['an exclusive range does not stand in', inside, '172.17.2.3', null],
    ['another family', inside, '2001:db8::1', 'six'],
    ['outside', inside, '11.0.0.1', null],
    ['no address', inside, 'ten', null],
  ])('%s', (_name, matcher, value, wants) => {
    expect(answer(matcher, { headers: value === null ? [] : ['x', value] })).toBe(wants);
  });
});

describe('server names', () => {
  const names = (...entries: (readonly [domains: string[], next: JsonObject])[]): JsonObject => ({
    matcher_tree: {
      input: header('x'),
      custom_match: extension(`${TYPE}/xds.type.matcher.v3.ServerNameMatcher`, {
        domain_matchers: entries.map(([domains, on_match]) => ({ domains, on_match })),
      }),
    },
  });
  const some = names(
    [['a.shop.example', 'b.test'], to('exact')],
    [['*.shop.example'], to('narrow')],
    [['fails.shop.example', '*.fails.example'], { matcher: list([isOne('missing'), to('never')]) }],
    [['*.example'], to('wide')],
  );
  const any = names([['*.example'], to('wide')], [['*.shop.example'], to('narrow')], [['*'], to('any')]);
  test.each<[name: string, matcher: JsonObject, value: string, wants: string | null]>([
    ['exact', some, 'a.shop.example', 'exact'],
    ['another of its names', some, 'b.test', 'exact'],
    ['a wildcard', some, 'x.y.shop.example', 'narrow'],
    ['a wider one', some, 'shop.example', 'wide'],
    ['exact, but what follows fails', some, 'fails.shop.example', 'narrow'],
    ['a wildcard, but what follows fails', some, 'x.fails.example', 'wide'],
    ['none', some, 'example', null],
    ['the longest wildcard, not the first', any, 'x.shop.example', 'narrow'],
    ['any', any, 'elsewhere', 'any'],
    ['a name that looks like a wildcard', some, '*.example', 'wide'],
    ['nothing', any, '', null],
  ])('%s', (_name, matcher, value, wants) => {
    expect(answer(matcher, { headers: ['x', value] })).toBe(wants);
  });

  test.each<[domains: string[], reason: string]>([
    [[], 'domain_matchers[0].domains: is empty'],
    [[''], 'domain_matchers[0].domains[0]: is empty'],
    [['a*'], ''],
    [['*a'], 'domains[0]: *a is neither exact nor *.suffix'],
    [['*.*.a'], 'domains[0]: *.*.a is neither exact nor *.suffix'],
    [['a', 'a'], 'domains[1]: a is there twice'],
  ])('%j', (domains, reason) => {
    const compiled = () => compile(names([domains, to('x')]));
    if (reason === '') expect(compiled).not.toThrow();
    else expect(compiled).toThrow(reason);
  });
});

describe('inputs', () => {
  const spiffe = 'spiffe://cluster.local/ns/shop/sa/web';
  test.each<[input: JsonObject, value: string]>([
    [header(':path'), '/p?q=1'],
    [header('host'), 'shop.example'],
    [header('x'), '1,2'],
    [extension(`${NETWORK}.DestinationIPInput`), '127.0.0.1'],
    [extension(`${NETWORK}.DestinationPortInput`), '8080'],
    [extension(`${NETWORK}.SourceIPInput`), '10.1.2.3'],
    [extension(`${NETWORK}.SourcePortInput`), '40000'],
    [extension(`${NETWORK}.DirectSourceIPInput`), '10.1.2.3'],
    [extension(`${NETWORK}.ServerNameInput`), 'sni.test'],
    [extension(`${NETWORK}.FilterStateInput`, { key: 'tenant' }), 'blue'],
    [extension(`${SSL}.UriSanInput`), spiffe],
  ])('%j', (input, value) => {
    const request = { path: '/p?q=1', headers: ['x', '1', 'x', '2'] };
    const change = { tls: peerTls({ uriSans: [spiffe], sni: 'sni.test' }) };
    expect(answer(list([single(input, { exact: value }), to('yes')]), request, change)).toBe('yes');
    expect(answer(list([single(input, { exact: `${value}x` }), to('yes')]), request, change)).toBe(null);
  });

  test('values of metadata', () => {
    const input = extension(`${NETWORK}.DynamicMetadataInput`, {
      filter: 'ns',
      path: [{ key: 'deep' }, { key: 'key' }],
    });
    const matches = (exact: string, invert = false) => {
      const type = `${TYPE}/envoy.extensions.matching.input_matchers.metadata.v3.Metadata`;
      const custom_match = extension(type, { value: { string_match: { exact } }, invert });
      return answer(list([{ single_predicate: { input, custom_match } }, to('yes')])) === 'yes';
    };
    expect([matches('found'), matches('lost'), matches('lost', true)]).toEqual([true, false, true]);
  });

  test('ranges of addresses', () => {
    const type = `${TYPE}/envoy.extensions.matching.input_matchers.ip.v3.Ip`;
    const custom_match = extension(type, {
      stat_prefix: 's',
      cidr_ranges: [{ address_prefix: '10.0.0.0', prefix_len: 8 }],
    });
    const matcher = list([{ single_predicate: { input: header('x'), custom_match } }, to('yes')]);
    const answers = ['10.2.3.4', '11.2.3.4', 'ten'].map((value) => answer(matcher, { headers: ['x', value] }));
    expect(answers).toEqual(['yes', null, null]);
  });
});

describe('custom matchers', () => {
  const asked = (input: JsonObject, type: string, fields: JsonObject) =>
    list([{ single_predicate: { input, custom_match: extension(`${TYPE}/${type}`, fields) } }, to('yes')]);
  const attributes = extension(`${TYPE}/xds.type.matcher.v3.HttpAttributesCelMatchInput`);
  const cel = (text: string, form = 'cel_expr_parsed') =>
    asked(attributes, 'xds.type.matcher.v3.CelMatcher', { expr_match: { [form]: { expr: expressionTree(text) } } });

  test.each<[expression: string, form: string | undefined, wants: string | null]>([
    ["request.headers['x'] == '1'", undefined, 'yes'],
    ["request.headers['x'] == '1'", 'cel_expr_checked', 'yes'],
    ["request.headers['x'] == '1'", 'parsed_expr', 'yes'],
    ["request.headers['x'] == '2'", 'checked_expr', null],
    ["request.headers['none'] == '1'", undefined, null],
    ['request.path', undefined, null],
    ["filter_state['tenant'] == b'blue' && metadata.filter_metadata.ns.deep.key == 'found'", undefined, 'yes'],
  ])('an expression: %s', (expression, form, wants) => {
    expect(answer(cel(expression, form), { headers: ['x', '1'] })).toBe(wants);
  });

  const INPUTS = 'envoy.extensions.matching.input_matchers';
  const shareOf = (numerator: number, fields: JsonObject = {}) =>
    asked(header('x'), `${INPUTS}.runtime_fraction.v3.RuntimeFraction`, {
      runtime_fraction: { default_value: { numerator }, ...fields },
    });
  const over = (threshold: number, seed: string) =>
    asked(header('x'), `${INPUTS}.consistent_hashing.v3.ConsistentHashing`, { threshold, modulo: 100, seed });
  const share = (matcher: JsonObject) => {
    const values = Array.from({ length: 1000 }, (_, i) => `user-${i}`);
    return values.filter((value) => answer(matcher, { headers: ['x', value] }) === 'yes').length / values.length;
  };

  test.each<[name: string, matcher: JsonObject, wants: number]>([
    ['all', shareOf(100), 1],
    ['none', shareOf(0), 0],
    ['a quarter', shareOf(25), 0.25],
    ['as the runtime says', shareOf(100, { runtime_key: 'none' }), 0],
    ['as the runtime does not say', shareOf(100, { runtime_key: 'other' }), 1],
    ['over no threshold', over(0, '0'), 1],
    ['over a threshold', over(30, '18446744073709551615'), 0.7],
    ['over the highest', over(100, '0'), 0],
  ])('a share by the value: %s', (_name, matcher, wants) => {
    expect(share(matcher)).toBeCloseTo(wants, 1);
  });

  test('without a value there is no share', () => {
    expect([shareOf(100), over(0, '0')].map((matcher) => answer(matcher))).toEqual([null, null]);
  });

  test('the environment', () => {
    vi.stubEnv('MATCHED', 'é');
    const named = (name: string) =>
      extension(`${TYPE}/envoy.extensions.matching.common_inputs.environment_variable.v3.Config`, { name });
    const answers = ['MATCHED', 'NOT_THERE'].map((name) =>
      answer(list([single(named(name), { exact: 'é' }), to('yes')])),
    );
    expect(answers).toEqual(['yes', null]);
    vi.unstubAllEnvs();
  });

  test.each<[name: string, matcher: JsonObject, reason: string]>([
    [
      'an expression of a header',
      asked(header('x'), 'xds.type.matcher.v3.CelMatcher', { expr_match: {} }),
      'custom_match.typed_config: is for attributes only',
    ],
    ['no expression', asked(attributes, 'xds.type.matcher.v3.CelMatcher', {}), 'expr_match: has no expression'],
    ['text of attributes', list([single(attributes, { exact: 'a' }), to('x')]), 'input: is no text'],
    [
      'a threshold out of reach',
      asked(header('x'), `${INPUTS}.consistent_hashing.v3.ConsistentHashing`, { threshold: 7, modulo: 5 }),
      'threshold: is more than modulo, 5',
    ],
    [
      'no modulo',
      asked(header('x'), `${INPUTS}.consistent_hashing.v3.ConsistentHashing`, {}),
      'modulo: must be more than 0',
    ],
    [
      'no share',
      asked(header('x'), `${INPUTS}.runtime_fraction.v3.RuntimeFraction`, {}),
      'runtime_fraction.default_value: is required',
    ],
  ])('refused: %s', (_name, matcher, reason) => {
    expect(() => answer(matcher)).toThrow(reason);
  });
});

describe('refused', () => {
  const deep = (depth: number): JsonObject => (depth === 0 ? isOne('a') : { not_matcher: deep(depth - 1) });
  test.each<[matcher: JsonObject, reason: string]>([
    [list(), 'm.matcher_list.matchers: is empty'],
    [list([{}, to('x')]), 'm.matcher_list.matchers[0].predicate: has no match_type'],
    [list([isOne('a'), {}]), 'm.matcher_list.matchers[0].on_match: has neither matcher nor action'],
    [
      list([isOne(''), to('x')]),
      'm.matcher_list.matchers[0].predicate.single_predicate.input.typed_config.header_name: is empty',
    ],
    [list([{ or_matcher: { predicate: [isOne('a')] } }, to('x')]), 'or_matcher.predicate: must have at least two'],
    [
      list([single(extension(`${TYPE}/google.protobuf.Empty`), { exact: 'a' }), to('x')]),
      'type google.protobuf.Empty is not supported',
    ],
    [list([deep(40), to('x')]), 'is nested deeper than 32'],
    [tree('exact_match_map', {}), 'm.matcher_tree.exact_match_map.map: is empty'],
    [ranges(['10.0.0.0', 40, to('x')]), 'range_matchers[0].ranges[0]: 10.0.0.0/40 is no range of addresses'],
    [{ on_no_match: { action: { name: 'x' } } }, 'm.on_no_match.action.typed_config: is required'],
  ])('%j', (matcher, reason) => {
    expect(() => compile(matcher)).toThrow(reason);
  });

  test('a route is not chosen by its connection, as in Envoy', () => {
    const matcher = list([single(extension(`${NETWORK}.SourceIPInput`), { exact: 'a' }), to('x')]);
    expect(() => compile(matcher, routeInputs)).toThrow('SourceIPInput is not supported');
  });
});
