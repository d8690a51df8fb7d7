// Bytes on the wire that access logs tell of a request or a connection: heads, bodies and framing, on both sides of the proxy.
import { beforeAll, expect, test } from 'vitest';
import { Http2Wire, requestFields } from '../support/http2-wire.ts';
import { raw, respond } from '../support/upstream.ts';
import { get, request, type Suite } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { fileLog, linesOf } from './harness/log-file.ts';
import { observe } from './harness/observation.ts';
import { talk } from './harness/talk.ts';

type Counts = Readonly<Record<string, number>>;

const COUNTS = ['DOWNSTREAM', 'UPSTREAM'].flatMap((side) =>
  ['WIRE', 'HEADER', 'DECOMPRESSED_HEADER'].flatMap((what) =>
    ['RECEIVED', 'SENT'].map((way) => `${side}_${what}_BYTES_${way}`),
  ),
);
const format = `{ json_format: ${JSON.stringify(Object.fromEntries(['REQ(X-CASE)', ...COUNTS].map((command) => [command, `%${command}%`])))} }`;
const TYPE = 'type.googleapis.com/envoy.extensions';
const HTTP2 = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const looped = `{ name: looped, type: STATIC, connect_timeout: 1s, typed_extension_protocol_options: { ${HTTP2}: { "@type": type.googleapis.com/${HTTP2}, explicit_http_config: { http2_protocol_options: {} } } }, load_assignment: { cluster_name: looped, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <back> } } } }] }] } }`;
const tcp = (name: string, cluster: string) => `filters:
- name: tcp
  typed_config:
    "@type": ${TYPE}.filters.network.tcp_proxy.v3.TcpProxy
    stat_prefix: ${name}
    cluster: ${cluster}
    access_log: ${fileLog(name, format).replaceAll('\n', '\n    ')}`;

const suite: Suite = {
  name: 'wire-bytes',
  listeners: {
    front: { manager: `access_log: ${fileLog('front', format)}` },
    back: { manager: `codec_type: HTTP2\naccess_log: ${fileLog('back', format)}` },
    tcp: { chain: tcp('tcp', 'a') },
  },
  virtualHosts: `
- name: all
  domains: ['*']
  response_headers_to_remove: [x-envoy-upstream-service-time]
  routes:
  - { match: { path: /direct }, direct_response: { status: 200, body: { inline_string: direct } } }
  - { match: { path: /refused }, route: { cluster: refused } }
  - { match: { path: /retried }, route: { cluster: a, retry_policy: { retry_on: 5xx } } }
  - { match: { path: /looped, headers: [{ name: x-looped, present_match: true }] }, route: { cluster: a } }
  - { match: { path: /looped }, route: { cluster: looped }, request_headers_to_add: [{ header: { key: x-looped, value: '1' } }] }
  - { match: { prefix: / }, route: { cluster: a } }`,
  clusters: `[${looped}]`,
  cases: [],
};

const chunked = raw('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n');
const CASES = [
  { name: 'GET', send: get('/') },
  { name: 'spaces around values', send: get('/', 'X-A:  b ', 'x-empty:') },
  { name: 'HEAD', send: request('HEAD', '/'), script: { a: [raw('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n')] } },
  { name: 'POST', send: request('POST', '/', { body: 'hello' }) },
  {
    name: 'a chunk',
    send: `${request('POST', '/', { headers: ['transfer-encoding: chunked'] })}5\r\nhello\r\n0\r\n\r\n`,
  },
  { name: 'a chunk back', send: get('/'), script: { a: [chunked] } },
  { name: 'an answer of the proxy', send: get('/direct') },
  { name: 'nobody listens', send: get('/refused') },
  {
    name: 'two attempts',
    send: get('/retried'),
    script: { a: [respond({ status: 503 }), respond({ status: 200, body: 'hello' })] },
    // Envoy adds what it received of earlier attempts a second time.
    differs: ['UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED'],
  },
  { name: 'a long body', send: get('/'), script: { a: [respond({ status: 200, body: 'x'.repeat(50_000) })] } },
  { name: 'two requests', send: [get('/'), request('POST', '/', { body: 'hello' })] },
];
const OVER_HTTP2 = [
  { name: 'GET to HTTP/2', send: get('/looped') },
  { name: 'POST to HTTP/2', send: request('POST', '/looped', { body: 'hello' }) },
];

compareWithEnvoy(suite, (pair) => {
  // Asked before the first test: each log waits a second for more.
  beforeAll(async () => {
    for (const one of [...CASES, ...OVER_HTTP2]) await ask(pair(), one);
  });

  test.each(CASES)('$name', async ({ name, differs = [] }) => {
    const id = markOf(name);
    const [theirs, mine] = await counted(pair(), 'front', id);
    expect(mine!.map((line) => without(line, differs))).toEqual(theirs!.map((line) => without(line, differs)));
  });

  // How long a header block is depends on who compresses it: what one proxy sends is what the next receives.
  test.each(OVER_HTTP2)('$name', async ({ name }) => {
    const id = markOf(name);
    const fronts = (await counted(pair(), 'front', id)).flat();
    const backs = (await counted(pair(), 'back', id)).flat();
    fronts.forEach((front, i) => {
      expect(flipped(side('UPSTREAM', front))).toEqual(side('DOWNSTREAM', backs[i]!));
    });
    expect(decompressed(fronts[1]!)).toEqual(decompressed(fronts[0]!));
    expect(side('DOWNSTREAM', fronts[1]!)).toEqual(side('DOWNSTREAM', fronts[0]!));
  });

  test.each([
    { name: 'GET over HTTP/2', method: 'GET', body: null },
    { name: 'POST over HTTP/2', method: 'POST', body: 'hello' },
  ])('$name', async ({ method, body }) => {
    const mark = `h2-${method}`;
    const heard = await Promise.all(
      [pair().reference, pair().ours].map(async (stand) => {
        using wire = await Http2Wire.open(stand.portOf('front'));
        wire.headers(1, requestFields(method, '/', ['x-case', mark]), body === null);
        if (body !== null) wire.data(1, body);
        await wire.settled(1);
        return wire.stream(1).bytes;
      }),
    );
    const lines = (await counted(pair(), 'front', mark)).flat();
    expect(lines.map((line) => line.DOWNSTREAM_WIRE_BYTES_SENT)).toEqual(heard);
    const [theirs, mine] = lines.map((line) =>
      without(line, ['DOWNSTREAM_WIRE_BYTES_SENT', 'DOWNSTREAM_HEADER_BYTES_SENT']),
    );
    expect(mine).toEqual(theirs);
  });

  test('a connection without HTTP', async () => {
    const { reference, ours } = pair();
    const hello = [{ send: get('/') }, { hear: /\r\n\r\na$/ }, { end: true as const }];
    await Promise.all([reference, ours].map((stand) => talk(stand.portOf('tcp'), hello)));
    // Others have only looked whether the port is open.
    const [theirs, mine] = await counted(pair(), 'tcp', `"DOWNSTREAM_WIRE_BYTES_RECEIVED":${get('/').length},`);
    expect(mine).toEqual(theirs);
  });
});

function markOf(name: string): string {
  return `case-${name.replaceAll(' ', '-')};`;
}

async function ask({ reference, ours }: Pair, one: { name: string; send: string | readonly string[] }) {
  const wants = { status: 0 };
  await Promise.all([reference, ours].map((stand) => observe(stand, { ...one, wants }, markOf(one.name))));
}

/** Of Envoy, then ours. */
async function counted(pair: Pair, log: string, mark: string): Promise<Counts[][]> {
  const all = await linesOf(pair, log, mark);
  return all.map((lines) => lines.map((line) => JSON.parse(line) as Counts));
}

function without(counts: Counts, names: readonly string[]): Counts {
  return Object.fromEntries(Object.entries(counts).filter(([name]) => !names.includes(name)));
}

function decompressed(counts: Counts): Counts {
  return Object.fromEntries(Object.entries(counts).filter(([name]) => name.includes('_DECOMPRESSED_')));
}

function side(prefix: string, counts: Counts): Counts {
  const own = Object.entries(counts).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value]));
}

function flipped(counts: Counts): Counts {
  const flip = (name: string) => name.replace(/SENT|RECEIVED/, (way) => (way === 'SENT' ? 'RECEIVED' : 'SENT'));
  return Object.fromEntries(Object.entries(counts).map(([name, value]) => [flip(name), value]));
}
