// A request's whole way over real sockets, against upstreams that follow a script. Expected answers are those of Envoy 1.40.
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { cluster, forward, route } from './testing/configs.ts';
import { freePort, openClient } from './testing/origin.ts';
import { bodyOf, GET, OK, setStage } from './testing/stage.ts';

const { origin, echo, proxy, single, ask } = setStage();

describe('what the upstream gets', () => {
  test('Envoy’s headers, in lower case', async () => {
    const up = await echo();
    const { port } = await single(up.port);
    const request = bodyOf(await ask(port, GET('/a?b', 'X-Custom: v\r\n')));
    expect(request).toMatch(
      /^GET \/a\?b HTTP\/1\.1\r\nhost: shop\r\nx-custom: v\r\nx-forwarded-proto: http\r\nx-request-id: [\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}\r\nx-envoy-expected-rq-timeout-ms: 15000\r\n\r\n$/,
    );
  });

  test('control headers of clients are removed', async () => {
    const up = await echo();
    const { port } = await single(up.port);
    const request = bodyOf(
      await ask(port, GET('/', 'x-envoy-retry-on: 5xx\r\nx-envoy-internal: true\r\nx-forwarded-client-cert: By=x\r\n')),
    );
    expect(request).not.toMatch(/retry-on|internal|client-cert/);
  });

  test.each([
    [
      'an inner proxy keeps what it is told',
      false,
      'x-forwarded-for: 9.9.9.9\r\nx-forwarded-proto: https\r\nx-request-id: abc\r\n',
      /x-forwarded-for: 9\.9\.9\.9\r\nx-forwarded-proto: https\r\nx-request-id: abc\r\n/,
    ],
    [
      'an edge proxy believes only what it sees',
      true,
      'x-forwarded-for: 9.9.9.9\r\nx-forwarded-proto: https\r\nx-request-id: abc\r\n',
      /x-forwarded-for: 9\.9\.9\.9,[\d.]+\r\nx-forwarded-proto: http\r\nx-envoy-external-address: [\d.]+\r\nx-request-id: [\da-f]{8}-/,
    ],
  ])('%s', async (_name, useRemoteAddress, headers, expected) => {
    const up = await echo();
    const { port } = await single(up.port, {}, { useRemoteAddress });
    expect(bodyOf(await ask(port, GET('/', headers)))).toMatch(expected);
  });

  test('a path rewritten by the route', async () => {
    const up = await echo();
    const rewrite = ({ request }: { request: { path: string } }) => {
      request.path = request.path.replace('/old', '/new');
    };
    const { port } = await single(up.port, { rewrite });
    expect(bodyOf(await ask(port, GET('/old/x')))).toMatch(/^GET \/new\/x HTTP/);
  });

  test('a normalised path', async () => {
    const up = await echo();
    const { port } = await single(up.port, {}, { normalizePath: true, mergeSlashes: true });
    expect(bodyOf(await ask(port, GET('/a/./b//../%41?x=/../')))).toMatch(/^GET \/a\/b\/A\?x=\/\.\.\/ HTTP/);
  });

  test('a chunked body with its trailers', async () => {
    const up = await echo();
    const { port } = await single(up.port);
    const request = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n';
    expect(bodyOf(await ask(port, request))).toMatch(
      /transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n$/,
    );
  });

  test('a body by length, in pieces', async () => {
    const up = await echo();
    const { port } = await single(up.port);
    const client = openClient(port);
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab');
    client.write('cdef');
    expect(await client.until(/abcdef/)).toMatch(/content-length: 6\r\n[\s\S]*abcdef$/);
    client.socket.destroy();
  });
});

describe('what the client gets', () => {
  test.each<[string, string, RegExp, string]>([
    [
      'an answer',
      OK,
      /^HTTP\/1\.1 200 OK\r\ncontent-length: 2\r\nx-envoy-upstream-service-time: \d+\r\ndate: [^\r]+\r\nserver: envoy\r\n\r\nok$/,
      '/ 200 - via_upstream',
    ],
    [
      'its own server name, the upstream’s date',
      'HTTP/1.1 200 OK\r\nServer: x\r\nDate: y\r\nContent-Length: 0\r\n\r\n',
      /^HTTP\/1\.1 200 OK\r\nserver: envoy\r\ndate: y\r\n/,
      '/ 200 - via_upstream',
    ],
    [
      'chunks with trailers',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-t: 1\r\n\r\n',
      /transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-t: 1\r\n\r\n$/,
      '/ 200 - via_upstream',
    ],
    [
      'the answer after an interim one',
      `HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${OK}`,
      /^HTTP\/1\.1 200 OK\r\n[\s\S]*ok$/,
      '/ 200 - via_upstream',
    ],
    [
      '204 without a length',
      'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
      /^HTTP\/1\.1 204 No Content\r\nx-envoy-upstream-service-time: \d+\r\n/,
      '/ 204 - via_upstream',
    ],
    [
      '502 for garbage',
      'garbage\r\n\r\n',
      /^HTTP\/1\.1 502 Bad Gateway\r\n[\s\S]*\r\n\r\nupstream connect error or disconnect\/reset before headers\. reset reason: protocol error$/,
      '/ 502 UPE upstream_reset_before_response_started{protocol_error}',
    ],
    [
      '502 for two framings',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n',
      /^HTTP\/1\.1 502/,
      '/ 502 UPE upstream_reset_before_response_started{protocol_error}',
    ],
    [
      '502 for bare LF',
      'HTTP/1.1 200 OK\nContent-Length: 2\n\nok',
      /^HTTP\/1\.1 502/,
      '/ 502 UPE upstream_reset_before_response_started{protocol_error}',
    ],
  ])('%s', async (_name, response, expected, logged) => {
    const up = await origin((socket) => socket.write(response));
    const { port, accessLog } = await single(up.port);
    expect(await ask(port, GET('/'))).toMatch(expected);
    expect(accessLog).toEqual([logged]);
  });

  test('a close-delimited body as chunks', async () => {
    const up = await origin((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nto the end'));
    const { port } = await single(up.port);
    expect(await ask(port, GET('/'))).toMatch(/transfer-encoding: chunked\r\n\r\na\r\nto the end\r\n0\r\n\r\n$/);
  });

  test('the head of HEAD', async () => {
    const up = await origin((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n'));
    const { port } = await single(up.port);
    const client = openClient(port);
    client.write('HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
    const received = await client.until((text) => text.split('content-length: 99').length === 3);
    expect(received.endsWith('\r\n\r\n')).toBe(true);
    client.socket.destroy();
  });

  test.each<[string, (socket: Socket) => void]>([
    ['resets', (socket) => socket.resetAndDestroy()],
    ['closes', (socket) => socket.end()],
  ])('503 UC when the upstream %s before a head', async (_name, end) => {
    const up = await origin(end);
    const { port, accessLog } = await single(up.port);
    expect(await ask(port, GET('/'))).toMatch(
      /^HTTP\/1\.1 503 Service Unavailable\r\n[\s\S]*reset reason: connection termination$/,
    );
    expect(accessLog).toEqual(['/ 503 UC upstream_reset_before_response_started{connection_termination}']);
  });

  test('503 UF when nobody listens', async () => {
    const { port, accessLog, stat } = await single(await freePort());
    expect(await ask(port, GET('/'))).toMatch(/^HTTP\/1\.1 503 [\s\S]*reset reason: remote connection failure$/);
    expect(accessLog).toEqual([
      '/ 503 UF upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}',
    ]);
    expect(stat('cluster.up.upstream_cx_connect_fail')).toBe(1);
    expect(stat('cluster.up.upstream_cx_active')).toBe(0);
  });

  test('a broken connection, never a short answer that looks whole, when the upstream closes in the middle', async () => {
    const up = await origin((socket) =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc', () => socket.end()),
    );
    const { port, accessLog } = await single(up.port);
    const client = openClient(port);
    client.write(GET('/'));
    const received = await client.ended();
    expect(received).toMatch(/content-length: 100\r\n[\s\S]*abc$/);
    expect(accessLog).toEqual(['/ 200 UPE upstream_reset_after_response_started{protocol_error}']);
  });

  test('a broken chunked answer never ends with the last chunk', async () => {
    const up = await origin((socket) =>
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n', () => socket.end()),
    );
    const { port } = await single(up.port);
    const client = openClient(port);
    client.write(GET('/'));
    expect(await client.ended()).toMatch(/3\r\nabc\r\n$/);
  });
});

describe('answers of the proxy itself', () => {
  test.each<[string, string, RegExp, string]>([
    [
      'no route',
      GET('/none'),
      /^HTTP\/1\.1 404 Not Found\r\ndate: [^\r]+\r\nserver: envoy\r\ncontent-length: 0\r\n\r\n$/,
      '/none 404 NR route_not_found',
    ],
    [
      'no cluster',
      GET('/nocluster'),
      /^HTTP\/1\.1 503 Service Unavailable\r\ndate: [^\r]+\r\nserver: envoy\r\ncontent-length: 0\r\n\r\n$/,
      '/nocluster 503 NC cluster_not_found',
    ],
    [
      'no endpoint',
      GET('/empty'),
      /^HTTP\/1\.1 503 [\s\S]*\r\ncontent-type: text\/plain\r\n[\s\S]*\r\n\r\nno healthy upstream$/,
      '/empty 503 UH no_healthy_upstream',
    ],
    [
      'direct response',
      GET('/direct'),
      /^HTTP\/1\.1 200 OK\r\ncontent-length: 2\r\ncontent-type: text\/plain\r\n[\s\S]*\r\n\r\nhi$/,
      '/direct 200 - direct_response',
    ],
    [
      'redirect',
      GET('/redirect'),
      /^HTTP\/1\.1 301 Moved Permanently\r\nlocation: http:\/\/shop\/new\r\n/,
      '/redirect 301 - direct_response',
    ],
    [
      'upgrade',
      GET('/direct', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'),
      /^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*connection: close\r\n/,
      '/direct 403 - upgrade_failed',
    ],
    [
      'CONNECT',
      'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n',
      /^HTTP\/1\.1 404 Not Found\r\n[\s\S]*connection: close\r\n/,
      ' 404 NR route_not_found',
    ],
    [
      'OPTIONS *',
      'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
      /^HTTP\/1\.1 404 Not Found\r\n/,
      '* 404 - absolute_path_rejected',
    ],
    [
      'a fragment in the path',
      GET('/direct#x'),
      /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*connection: close\r\n/,
      '/direct#x 400 - path_normalization_failed',
    ],
    [
      'a head that is too large',
      GET('/', `x: ${'a'.repeat(61_440)}\r\n`),
      /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/,
      ' 431 DPE http1.headers_too_large',
    ],
    [
      'a broken head',
      'GET / HTTP/1.1\r\nHost : a\r\n\r\n',
      /^HTTP\/1\.1 400 Bad Request\r\ncontent-length: 11\r\ncontent-type: text\/plain\r\n[\s\S]*connection: close\r\n\r\nBad Request$/,
      ' 400 DPE http1.codec_error',
    ],
  ])('%s', async (_name, request, expected, logged) => {
    const { port, accessLog } = await proxy(
      {
        '/nocluster': route(forward('nowhere')),
        '/empty': route(forward('empty')),
        '/direct': route({ kind: 'respond', status: 200, body: 'hi' }),
        '/redirect': route({
          kind: 'redirect',
          status: 301,
          changePath: null,
          location: ({ request: { authority } }) => `http://${authority}/new`,
        }),
      },
      [cluster('empty', [])],
    );
    expect(await ask(port, request)).toMatch(expected);
    expect(accessLog).toEqual([logged]);
  });
});
