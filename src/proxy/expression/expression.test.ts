import { fromJson } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { ParsedExprSchema } from '../../xds/gen/google/api/expr/v1alpha1/syntax_pb.ts';
import { CelExpressionSchema } from '../../xds/gen/xds/type/v3/cel_pb.ts';
import { HeaderMap } from '../http/headers.ts';
import { peerTls, testExchange } from '../testing/exchange.ts';
import { compileCelExpression, compileText, type Expression } from './expression.ts';
import type { Seen } from './seen.ts';

const bytes = (text: string) => Buffer.from(text).toString('latin1');

function seen(): Seen {
  const headers = ['x-a', '1', 'x-a', '2', 'x-ü', bytes('é'), 'content-length', '12', 'user-agent', 'ua'];
  const exchange = testExchange({ path: '/p?q=1#f', headers }, { tls: peerTls({ sni: 'sni.test' }) });
  exchange.metadata = new Map([['ns', { k: "v'é", n: 3, l: [1, 'a', true], o: { z: null }, long: 'a{97}' }]]);
  exchange.filterState = new Map([['tenant', 'blue']]);
  exchange.route = {
    name: 'r',
    virtualHost: 'vh',
    hostMetadata: { h: { k: 'x' } },
    metadata: { m: { k: 1 } },
  } as never;
  exchange.endpoint = { name: '10.0.0.9:80', address: '10.0.0.9', port: 80, locality: 'r1/z1', metadata: {} } as never;
  exchange.cluster = 'a';
  exchange.clusterMetadata = { c: { k: 'w' } };
  exchange.requestEnded = 1002.5;
  exchange.upstreamSent = 1001;
  exchange.upstreamEnded = 2501.25;
  exchange.details = 'via_upstream';
  exchange.attempts = 2;
  exchange.flags = 0b11;
  exchange.requestBytes = 12;
  exchange.responseBytes = 5;
  return { exchange, response: { status: 503, headers: new HeaderMap(['x-r', 'one']) }, ended: 3000 };
}

const text = (source: string) => compileText(source, 'p').text(seen());

describe('attributes', () => {
  test.each<[source: string, wants: string | undefined]>([
    ['request.path', '/p?q=1#f'],
    ['request.url_path', '/p'],
    ['request.query', 'q=1'],
    ['request.host', 'shop.example'],
    ['request.scheme', 'http'],
    ['request.method', 'GET'],
    ['request.protocol', 'HTTP/1.1'],
    ['request.useragent', 'ua'],
    ['request.referer', undefined],
    ['request.id', undefined],
    ["request.headers['x-a']", '1,2'],
    ["request.headers['X-A']", '1,2'],
    ["request.headers[':path']", '/p?q=1#f'],
    ["request.headers['none']", undefined],
    ['request.headers', 'CelMap value'],
    ['size(request.headers)', '8'],
    ['request.size', '12'],
    ['request.time', '2023-11-14T22:13:20.123+00:00'],
    ['request.duration', '2.5ms'],
    ['request.nothing', undefined],
    ['response.code', '503'],
    ["response.headers['x-r']", 'one'],
    ["response.headers[':status']", '503'],
    ['response.flags', '34'],
    ['response.grpc_status', '14'],
    ['response.backend_latency', '1.50025s'],
    ['response.code_details', 'via_upstream'],
    ['response.size', '5'],
    ['response.trailers.x', undefined],
    ['connection.mtls', 'false'],
    ['connection.id', '7'],
    ['connection.tls_version', 'TLSv1.3'],
    ['connection.requested_server_name', 'sni.test'],
    ['connection.termination_details', undefined],
    ['upstream.address', '10.0.0.9:80'],
    ['upstream.port', '80'],
    ['upstream.local_address', undefined],
    ['upstream.locality', 'region: "r1" zone: "z1" '],
    ['upstream.locality.zone', 'z1'],
    ['upstream.locality.sub_zone', ''],
    ['upstream.request_attempt_count', '2'],
    ['upstream.tls_version', undefined],
    ['source.address', '10.1.2.3:40000'],
    ['destination.port', '8080'],
    ['xds.cluster_name', 'a'],
    ["xds.cluster_metadata.filter_metadata['c'].k", 'w'],
    ['xds.route_name', 'r'],
    ['xds.route_metadata.filter_metadata.m.k', '1'],
    ['xds.route_metadata', 'filter_metadata { key: "m" value { fields { key: "k" value { number_value: 1 } } } } '],
    ['xds.virtual_host_name', 'vh'],
    ['xds.virtual_host_metadata.filter_metadata.h.k', 'x'],
    ['xds.upstream_host_locality_metadata', 'NULL'],
    ['xds.filter_chain_name', 'chain'],
    ['xds.listener_direction', '1'],
    ['xds', 'CelMap value'],
    ['metadata.filter_metadata.ns.k', bytes("v'é")],
    ['metadata.filter_metadata.ns.l', 'CelList value'],
    ['metadata.filter_metadata.ns.l[1]', 'a'],
    ['metadata.filter_metadata.ns.o.z', 'NULL'],
    ['metadata.filter_metadata.other', undefined],
    ['has(metadata.typed_filter_metadata.x)', 'false'],
    ["filter_state['tenant']", 'blue'],
    ["filter_state.tenant == b'blue'", 'true'],
    ['filter_state.none', undefined],
    ['upstream_filter_state.none', undefined],
    ['plugin_name', undefined],
  ])('%s', (source, wants) => {
    expect(text(source)).toBe(wants);
  });

  test.each<[name: string, change: Partial<Seen>, wants: string | undefined]>([
    ['that the route leads to', {}, 'near'],
    ['that there is not, in the end', { ended: 1 }, undefined],
  ])('a cluster %s', (_name, change, wants) => {
    const exchange = testExchange();
    exchange.route = { action: { kind: 'forward', pickCluster: () => ({ cluster: 'near' }) } } as never;
    expect(compileText('xds.cluster_name', 'p').text({ exchange, response: null, ended: 0, ...change })).toBe(wants);
  });

  test('metadata as text', () => {
    expect(text('metadata')).toBe(
      'filter_metadata { key: "ns" value { fields { key: "k" value { string_value: "v\\\'\\303\\251" } } fields { key: "l" value { ' +
        'list_value { values { number_value: 1 } values { string_value: "a" } values { bool_value: true } } } } fields { key: "long" value { string_value: "a{97}" } } fields { key: "n" value { ' +
        'number_value: 3 } } fields { key: "o" value { struct_value { fields { key: "z" value { null_value: NULL_VALUE } } } } } } } ',
    );
  });

  test('a connection without HTTP', () => {
    const exchange = testExchange({ method: '', authority: '', path: '', protocol: '' });
    const of = (source: string) => compileText(source, 'p').text({ exchange, response: null, ended: 0 });
    const sources = ['request.path', 'request.url_path', 'request.scheme', 'request.headers_bytes', 'response.code'];
    expect(sources.map(of)).toEqual([undefined, undefined, undefined, '0', undefined]);
    expect(of('size(request.headers)')).toBe('0');
  });
});

describe('values', () => {
  test.each<[source: string, wants: string | undefined]>([
    ['1 + 2', '3'],
    ['1 / 0', undefined],
    ['1000000.0', '1e+06'],
    ['123456789.0', '1.23457e+08'],
    ['0.1 + 0.2', '0.3'],
    ['1.0 / 0.0', 'inf'],
    ['0.00001', '1e-05'],
    ['2.0', '2'],
    ['1u', '1'],
    ["b'abc'", 'abc'],
    ["'é'", bytes('é')],
    ["bytes('é')", bytes('é')],
    ["size('é')", '1'],
    ["'é'.size()", '1'],
    ["request.headers['x-ü'] == 'é'", undefined],
    ["'é'.matches('^.$')", 'true'],
    ['type(1)', 'CelType value'],
    ["duration('3723.5s')", '1h2m3.5s'],
    ["duration('-90s')", '-1m30s'],
    ["duration('86400s')", '24h'],
    ["duration('1ns')", '1ns'],
    ["duration('1.5ms')", '1.5ms'],
    ["duration('0s')", '0'],
    ["timestamp('2020-01-01T00:00:00.100Z')", '2020-01-01T00:00:00.1+00:00'],
    ["'a' + 'b'", undefined],
    ["b'a' + b'b'", undefined],
    ['[1] + [2]', undefined],
    ["re.extract('abc', 'a(b)c', '\\\\1')", 'b'],
    ["re.extract('abc', 'z', 'a')", undefined],
    ["re.capture('/p', '/(p)')", 'p'],
    ["re.capture('/px', '/(p)')", undefined],
    ["re.captureN('/p', '/(?P<x>p)').x", 'p'],
    ["re.captureN('/p', '/(p)')['1']", 'p'],
    ['request.path.matches(request.method)', 'false'],
    ["request.path.matches('a{96}')", 'false'],
    ["'a'.matches(metadata.filter_metadata.ns.long)", undefined],
    ["request.headers['none'] == '1' || true", 'true'],
    ['nothing && false', 'false'],
    ['nothing', undefined],
    ['toString', undefined],
    ['1 ? 2 : 3', undefined],
  ])('%s', (source, wants) => {
    expect(text(source)).toBe(wants);
  });

  const all = { enableStringConversion: true, enableStringConcat: true, enableStringFunctions: true };
  test.each([
    ['string(1)', '1'],
    ["'a' + 'b'", 'ab'],
    ["'aé'.reverse()", bytes('éa')],
    ["'aB'.lowerAscii()", 'ab'],
    ["'a,b'.split(',')[1]", 'b'],
    ["strings.quote('a')", '"a"'],
    ["string(b'a')", 'a'],
    ["string(b'\\xff')", undefined],
  ])('where they are allowed: %s', (source, wants) => {
    expect(compileText(source, 'p', all as never).text(seen())).toBe(wants);
  });

  test.each<[source: string, wants: unknown]>([
    ['1', 1],
    ['1u', 1],
    ['9007199254740993', 9_007_199_254_740_992],
    ["b'abc'", 'YWJj'],
    ['null', null],
    ["duration('1.5s')", '1.500s'],
    ["timestamp('2020-01-01T00:00:00Z')", '2020-01-01T00:00:00Z'],
    ['{1: 2, 0: [true]}', { 0: [true], 1: 2 }],
    ['metadata.filter_metadata.ns.l', [1, 'a', true]],
    ['xds.cluster_metadata', { filter_metadata: { c: { k: 'w' } } }],
    ['upstream.locality', { region: 'r1', zone: 'z1' }],
    ['type(1)', undefined],
    ['request', undefined],
    ['nothing', undefined],
  ])('JSON of %s', (source, wants) => {
    expect(compileText(source, 'p').json(seen())).toEqual(wants);
  });

  test('only true matches', () => {
    const matches = (source: string) => compileText(source, 'p').matches(seen());
    expect(['response.code >= 500', 'response.code', 'nothing', 'false'].map(matches)).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});

describe('refused', () => {
  test.each([
    ['(', 'is no expression'],
    ['', 'is no expression'],
    ['nothing()', 'there is no function nothing(0)'],
    ['request.foo()', 'there is no function .foo(0)'],
    ["startsWith('a', 'b')", 'there is no function startsWith(2)'],
    ['size(1, 2)', 'there is no function size(2)'],
    ['string(1)', 'there is no function string(1)'],
    ["'a'.lowerAscii()", 'there is no function .lowerAscii(0)'],
    ["request.path.matches('(')", 'invalid regular expression'],
    ["request.path.matches('a{97}')", 'regular expression is too large'],
    ['[1].exists(x, x == 1)', 'comprehensions are not supported'],
    ['has(request.headers[1])', 'there is no function has(1)'],
    ['xds.node.id', 'xds.node is not supported'],
    ["upstream['num_endpoints'] > 1u", 'upstream.num_endpoints is not supported'],
  ])('%s', (source, reason) => {
    expect(() => compileText(source, 'p')).toThrow(reason);
  });

  test('what is nested too deep', () => {
    expect(() => compileText(`1${' + 1'.repeat(200)}`, 'p')).toThrow('p: is nested deeper than 100');
    expect(() => compileText(`${'('.repeat(9000)}1${')'.repeat(9000)}`, 'p')).toThrow('p: is no expression');
  });
});

describe('syntax trees', () => {
  const tree = (name: string) => ({ expr: { ident_expr: { name } } });
  const answer = (expression: Expression) => expression.text(seen());
  const older = fromJson(ParsedExprSchema, {
    expr: {
      call_expr: {
        function: '_==_',
        args: [
          { select_expr: { operand: { ident_expr: { name: 'request' } }, field: 'method' } },
          { const_expr: { string_value: 'GET' } },
        ],
      },
    },
  });

  test('the older package', () => {
    const expression = fromJson(CelExpressionSchema, {});
    expression.exprSpecifier = { case: 'parsedExpr', value: older };
    expect(answer(compileCelExpression(expression, 'p'))).toBe('true');
  });

  test('the newer one wins', () => {
    const expression = fromJson(CelExpressionSchema, { parsed_expr: tree('a'), cel_expr_parsed: tree('xds') });
    expect(answer(compileCelExpression(expression, 'p'))).toBe('CelMap value');
  });

  test.each([
    [{}, 'p: has no expression'],
    [{ cel_expr_string: '1' }, 'p: has no expression'],
    [{ cel_expr_checked: { expr: {} } }, 'p.cel_expr_checked.expr: is no expression'],
  ])('%j', (expression, reason) => {
    expect(() => compileCelExpression(fromJson(CelExpressionSchema, expression), 'p')).toThrow(reason);
  });
});
