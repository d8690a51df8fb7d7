import { describe, expect, test } from 'vitest';
import { flag } from '../http/flags.ts';
import { HeaderMap } from '../http/headers.ts';
import { WireBytes } from '../http/wire-bytes.ts';
import { peerTls, testExchange } from '../testing/exchange.ts';
import { compileFormat, compileJson } from './format.ts';

/** One finished request, everything known. */
function finished() {
  const exchange = testExchange(
    {
      method: 'POST',
      path: '/a?b',
      headers: [
        'user-agent',
        'curl',
        'content-type',
        'application/grpc+proto',
        'x-request-id',
        'id-1',
        'x',
        '1',
        'x',
        '2',
      ],
    },
    { tls: peerTls({ sni: 'shop.example', subject: 'CN=web' }) },
  );
  exchange.clientAddress = '192.0.2.9';
  exchange.response = {
    status: 503,
    headers: new HeaderMap(['x-envoy-upstream-service-time', '4', 'grpc-status', '14']),
  };
  exchange.flags = flag.upstreamConnectionFailure | flag.upstreamRetryLimitExceeded;
  exchange.details = 'upstream reset';
  exchange.cluster = 'outbound|80||orders';
  exchange.clusterStatName = exchange.cluster;
  exchange.clusterMetadata = { 'tulle.service': { name: 'orders' } };
  exchange.attempts = 2;
  exchange.requestBytes = 10;
  exchange.responseBytes = 20;
  exchange.upstreamWire = Object.assign(new WireBytes(), { sent: 31, received: 32, headersSent: 33 });
  exchange.upstreamStarted = 1004.4;
  exchange.request.headers.set('x-envoy-original-path', '/old?c=%20d');
  exchange.trailers = new HeaderMap(['x-t', 'late']);
  exchange.upstream = { protocol: 'HTTP/1.1', local: { address: '10.0.0.1', port: 5000 }, tls: null };
  exchange.requestEnded = 1001;
  exchange.upstreamSent = 1002.5;
  exchange.upstreamSentEnd = 1003;
  exchange.upstreamFailure = 'connection refused';
  exchange.metadata = new Map([['ns', { key: { deep: 'value' } }]]);
  exchange.upstreams = [{ ...exchange.upstream, protocol: 'HTTP/2' }, exchange.upstream];
  const [first, last] = [85, 90].map((port) => ({ address: '10.9.8.7', hostname: '', port, name: `10.9.8.7:${port}` }));
  exchange.goesTo({ ...first, hostname: 'first' } as never);
  exchange.goesTo(last as never);
  exchange.route = {
    name: 'route',
    virtualHost: 'host',
    hostMetadata: { h: { k: 'x' } },
    metadata: { m: { k: 1 } },
  } as never;
  return exchange;
}

const say = (format: string, exchange = finished(), ended = 1010.6) =>
  compileFormat(format, 'f', { missing: '-' })(exchange, exchange.response, ended);

describe('operators', () => {
  test.each([
    ['REQ(:METHOD)', 'POST', 'GET'],
    ['REQUEST_HEADER(NONE?:PATH)', '/a?b', '/'],
    ['RESPONSE_HEADER(grpc-status)', '14', '-'],
    ['RESPONSE_TRAILER(x-t)', 'late', '-'],
    ['ROUNDTRIP_DURATION', '-', '-'],
    ['UPSTREAM_HOSTS_ATTEMPTED', '10.9.8.7:85,10.9.8.7:90', '-'],
    ['UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT', '10.9.8.7,10.9.8.7', '-'],
    ['UPSTREAM_HOST_NAMES_ATTEMPTED', 'first,10.9.8.7:90', '-'],
    ['UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT', 'first,10.9.8.7', '-'],
    ['REQ(User-Agent)', 'curl', '-'],
    ['REQ(X)', '1', '-'],
    ['REQ(NONE?:PATH)', '/a?b', '/'],
    ['REQ(:PATH):2', '/a', '/'],
    ['RESP(X-Envoy-Upstream-Service-Time)', '4', '-'],
    ['RESP(NONE?GRPC-STATUS)', '14', '-'],
    ['START_TIME', '2023-11-14T22:13:20.123Z', '2023-11-14T22:13:20.123Z'],
    [
      'START_TIME(%Y/%m/%dT%H:%M:%S%z %s %3f %f %b %a)',
      '2023/11/14T22:13:20+0000 1700000000 123 123000000 Nov Tue',
      null,
    ],
    ['PROTOCOL', 'HTTP/1.1', 'HTTP/1.1'],
    ['RESPONSE_CODE', '503', '0'],
    ['RESPONSE_FLAGS', 'URX,UF', '-'],
    ['RESPONSE_CODE_DETAILS', 'upstream_reset', '-'],
    ['CONNECTION_TERMINATION_DETAILS', '-', '-'],
    ['UPSTREAM_TRANSPORT_FAILURE_REASON', 'connection_refused', '-'],
    ['BYTES_RECEIVED', '10', '0'],
    ['BYTES_SENT', '20', '0'],
    ['DURATION', '10', '10'],
    ['RESPONSE_DURATION', '4', '-'],
    ['RESPONSE_TX_DURATION', '6', '-'],
    ['UPSTREAM_HOST', '10.9.8.7:90', '-'],
    ['UPSTREAM_REMOTE_PORT', '90', '-'],
    ['UPSTREAM_CLUSTER', 'outbound|80||orders', '-'],
    ['UPSTREAM_REQUEST_ATTEMPT_COUNT', '2', '0'],
    ['UPSTREAM_LOCAL_ADDRESS', '10.0.0.1:5000', '-'],
    ['DOWNSTREAM_LOCAL_ADDRESS', '127.0.0.1:8080', '127.0.0.1:8080'],
    ['DOWNSTREAM_REMOTE_ADDRESS', '192.0.2.9:0', '10.1.2.3:40000'],
    ['DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT', '192.0.2.9', '10.1.2.3'],
    ['DOWNSTREAM_DIRECT_REMOTE_ADDRESS', '10.1.2.3:40000', '10.1.2.3:40000'],
    ['CONNECTION_ID', '7', '7'],
    ['REQUESTED_SERVER_NAME', 'shop.example', '-'],
    ['DOWNSTREAM_PEER_URI_SAN', 'spiffe://cluster.local/ns/shop/sa/web', '-'],
    ['DOWNSTREAM_LOCAL_URI_SAN', 'spiffe://cluster.local/ns/shop/sa/orders', '-'],
    ['DOWNSTREAM_PEER_SUBJECT', 'CN=web', '-'],
    ['DOWNSTREAM_TLS_VERSION', 'TLSv1.3', '-'],
    ['ROUTE_NAME', 'route', '-'],
    ['STREAM_ID', 'id-1', '-'],
    ['GRPC_STATUS', 'Unavailable', '-'],
    ['GRPC_STATUS(SNAKE_STRING)', 'UNAVAILABLE', '-'],
    ['GRPC_STATUS(NUMBER)', '14', '-'],
    ['GRPC_STATUS_NUMBER', '14', '-'],
    ['TRAILER(x-t)', 'late', '-'],
    ['RESPONSE_FLAGS_LONG', 'UpstreamRetryLimitExceeded,UpstreamConnectionFailure', '-'],
    ['RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)', 'upstream reset', '-'],
    ['UPSTREAM_PROTOCOL', 'HTTP/1.1', '-'],
    ['UPSTREAM_LOCAL_PORT', '5000', '-'],
    ['PATH', '/old?c=%20d', '/'],
    ['PATH(NQ)', '/old', '/'],
    ['PATH(WQ:PATH)', '/a?b', '/'],
    ['PATH(NQ:ORIG)', '/old', '-'],
    ['QUERY_PARAM(b)', '', '-'],
    ['QUERY_PARAMS', 'b', '-'],
    ['LISTENER_NAME', 'front', 'front'],
    ['FILTER_CHAIN_NAME', 'chain', 'chain'],
    ['ACCESS_LOG_TYPE', 'DownstreamEnd', 'DownstreamEnd'],
    ['REQUEST_DURATION', '1', '-'],
    ['REQUEST_TX_DURATION', '3', '-'],
    ['COMMON_DURATION(DS_RX_BEG:US_TX_BEG:us)', '2500', '-'],
    ['COMMON_DURATION(US_RX_BEG:DS_TX_END)', '6', '-'],
    ['DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(20)', '192.0.0.0/20', '10.1.0.0/20'],
    ['START_TIME_LOCAL(%Y)', '2023', '2023'],
    ['START_TIME(%E3S %p %I)', '20.123 PM 10', '20.123 PM 10'],
    ['EMIT_TIME(%S.%3f)', '20.133', '20.133'],
    ['DYNAMIC_METADATA(ns:key:deep)', 'value', '-'],
    ['DYNAMIC_METADATA(ns:key)', '{"deep":"value"}', '-'],
    ['METADATA(ROUTE:m:k)', '1', '-'],
    ['METADATA(VIRTUAL_HOST:h:k)', 'x', '-'],
    ['METADATA(CLUSTER:tulle.service:name)', 'orders', '-'],
    ['COALESCE({"operators":[{"command":"REQ","param":"none"},"RESPONSE_CODE"]})', '503', '0'],
    ['COALESCE({"operators":[{"command":"REQ","param":"user-agent","max_length":2}]})', 'cu', '-'],
    ['UPSTREAM_HOST_NAME_WITHOUT_PORT', '10.9.8.7', '-'],
    ['UPSTREAM_TLS_VERSION', '-', '-'],
    ['RESPONSE_TRAILERS_BYTES', '7', '0'],
    ['UPSTREAM_WIRE_BYTES_SENT', '31', '0'],
    ['UPSTREAM_WIRE_BYTES_RECEIVED', '32', '0'],
    ['UPSTREAM_HEADER_BYTES_SENT', '33', '0'],
    ['DOWNSTREAM_WIRE_BYTES_SENT', '0', '0'],
  ])('%s', (operator, known, unknown) => {
    expect(say(`%${operator}%`)).toBe(known);
    if (unknown !== null) expect(say(`%${operator}%`, testExchange())).toBe(unknown);
  });

  test('Istio’s default line', () => {
    const line =
      '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';
    expect(say(line)).toBe(
      '[2023-11-14T22:13:20.123Z] "POST /old?c=%20d HTTP/1.1" 503 URX,UF upstream_reset - "connection_refused" 10 20 10 4 "-" "curl" "id-1" "shop.example" "10.9.8.7:90" outbound|80||orders 10.0.0.1:5000 127.0.0.1:8080 192.0.2.9:0 shop.example route\n',
    );
  });
});

describe('text', () => {
  test.each([
    ['', ''],
    ['plain', 'plain'],
    ['100%% %RESPONSE_CODE%!', '100% 503!'],
  ])('%j', (format, wants) => {
    expect(say(format)).toBe(wants);
  });

  test.each([
    ['%', 'f: no operator at "%"'],
    ['%REQ(%', 'f: no operator at "%REQ(%"'],
    ['%lower%', 'f: no operator at "%lower%"'],
    ['%NOPE%', 'f: %NOPE% is not supported'],
    ['%constructor%', 'f: no operator at'],
    ['%REQ%', 'f: %REQ% needs a parameter'],
    ['%PROTOCOL(x)%', 'f: %PROTOCOL% takes no parameter'],
    ['%METADATA(FILTER:a)%', 'f: %METADATA(FILTER:a)% is not supported'],
    ['%VIRTUAL_HOST_NAME%', 'f: %VIRTUAL_HOST_NAME% is not supported'],
    ['%REQ(a?b?c)%', 'f: a?b?c has more than one alternative'],
    ['%REQ(a b)%', 'f: %REQ(a b)% has no header name'],
    ['%RESPONSE_CODE:2%', 'f: %RESPONSE_CODE% takes no length'],
    ['%PATH(XX)%', 'f: %PATH% knows no XX'],
    ['%GRPC_STATUS(X)%', 'f: %GRPC_STATUS(X)% is not supported'],
    ['%COMMON_DURATION(DS_RX_BEG:DS_TX_END:s)%', 'f: %COMMON_DURATION(DS_RX_BEG:DS_TX_END:s)% has no known precision'],
    ['%COMMON_DURATION(X:DS_TX_END)%', 'f: time point X is not supported'],
    ['%REQ_WITHOUT_QUERY(:path)%', 'f: %REQ_WITHOUT_QUERY% is not supported'],
    ['%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(x)%', 'f: x is no prefix length'],
    ['%COALESCE(x)%', 'f: %COALESCE(x)% needs a list of operators in JSON'],
    ['%COALESCE({"operators":[]})%', 'f: %COALESCE({"operators":[]})% needs a list'],
    ['%COALESCE({"operators":[{"command":3}]})%', 'needs a list of operators in JSON'],
    ['%COALESCE({"operators":["COALESCE"]})%', 'f: %COALESCE% cannot stand in itself'],
    ['%COALESCE({"operators":["REQ"]})%', 'f: %REQ% needs a parameter'],
    ['%START_TIME(%q)%', 'f: time format %q is not supported'],
    ['x'.repeat(70_000), 'f: is longer than'],
  ])('%s is refused', (format, wants) => {
    expect(() => compileFormat(format, 'f', { missing: '-' })).toThrow(wants);
  });
});

test('a text that is missing is empty where the caller says so', () => {
  expect(compileFormat('a%ROUTE_NAME%', 'f', { missing: '' })(testExchange(), null, 0)).toBe('a');
});

describe('json', () => {
  const shape = {
    z: '%RESPONSE_CODE%',
    a: 'code %RESPONSE_CODE%',
    none: '%ROUTE_NAME%',
    in: { list: ['%PROTOCOL%', 3] },
  };
  test.each([
    [false, '{"a":"code 0","in":{"list":["HTTP/1.1",3]},"none":null,"z":0}'],
    [true, '{"a":"code 0","in":{"list":["HTTP/1.1",3]},"z":0}'],
  ])('types are kept, keys are sorted; without what is missing: %s', (omit, wants) => {
    expect(JSON.stringify(compileJson(shape, 'f', { omitMissing: omit })(testExchange(), null, 0))).toBe(wants);
  });

  test('what is not ASCII is written as UTF-8', () => {
    const json = compileJson({ é: 'é %CEL("é")%' }, 'f', { omitMissing: false });
    const line = JSON.stringify(json(testExchange(), null, 0));
    expect(Buffer.from(line, 'latin1').toString()).toBe('{"é":"é é"}');
  });

  test('an error says where', () => {
    expect(() => compileJson({ a: { b: ['x', '%NOPE%'] } }, 'f', { omitMissing: false })).toThrow(
      'f.a.b[1]: %NOPE% is not supported',
    );
  });
});

test('the formatter extension must be named', () => {
  const extensions = { withoutQuery: true, cel: undefined };
  const format = compileFormat('%REQ_WITHOUT_QUERY(X?:PATH):3%', 'f', { missing: '-', extensions });
  expect(format(testExchange({ path: '/long?q' }), null, 0)).toBe('/lo');
});

describe('expressions', () => {
  test.each([
    ['%CEL(request.method == "POST" && size(request.path) > 1)%', 'true'],
    ['%CEL(request.nothing)%', '-'],
    ['%CEL(request.path):2%|%CEL((1 + 2) * 3)%', '/a|9'],
    ['%CEL("é")%', 'é'],
  ])('%s', (format, wants) => {
    const bytes = Buffer.from(format).toString('latin1');
    expect(Buffer.from(say(bytes), 'latin1').toString()).toBe(wants);
  });

  test('types in JSON', () => {
    const json = compileJson({ a: '%CEL(1)%', b: '%TYPED_CEL([1, true])%', c: '%TYPED_CEL(no)%' }, 'f', {
      omitMissing: false,
    });
    expect(JSON.stringify(json(finished(), null, 0))).toBe('{"a":"1","b":[1,true],"c":null}');
  });

  test('what an expression may do is said beside the format', () => {
    const cel = { enableStringConversion: true, enableStringConcat: true, enableStringFunctions: false } as never;
    const extensions = { withoutQuery: false, cel };
    const format = compileFormat("%CEL(string(1) + 'a')%", 'f', { missing: '-', extensions });
    expect(format(testExchange(), null, 0)).toBe('1a');
    expect(() => say('%CEL(string(1))%')).toThrow('f: there is no function string(1)');
    expect(() => say('%CEL()%')).toThrow('f: %CEL% needs a parameter');
  });
});

test('structures of metadata keep their form in JSON, with members in order', () => {
  const exchange = testExchange();
  exchange.metadata = new Map([['n', { b: [1, { d: 1, c: null }], a: true }]]);
  const json = compileJson({ m: '%DYNAMIC_METADATA(n)%', t: 'x%DYNAMIC_METADATA(n:a)%' }, 'f', { omitMissing: false });
  expect(JSON.stringify(json(exchange, null, 0))).toBe('{"m":{"a":true,"b":[1,{"c":null,"d":1}]},"t":"xtrue"}');
});

test('connections have numbers that tell them apart', () => {
  const exchange = finished();
  const [last, all] = say('%UPSTREAM_CONNECTION_ID% %UPSTREAM_CONNECTION_IDS_ATTEMPTED%', exchange).split(' ');
  const [before, same] = all!.split(',');
  expect(same).toBe(last);
  expect(before).not.toBe(last);
  expect(say('%UPSTREAM_CONNECTION_IDS_ATTEMPTED%', exchange)).toBe(all);
  expect(say('%UPSTREAM_CONNECTION_ID%', testExchange())).toBe('0');
});
