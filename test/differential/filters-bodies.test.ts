// Filters that change bodies and headers on their way: compression, decompression, mutation, faults.
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { RawConnection } from '../support/raw-http.ts';
import { raw, respond } from '../support/upstream.ts';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';

const TYPE = 'type.googleapis.com/envoy.extensions';
const library = (kind: string, fields = ''): string =>
  `compressor_library: { name: ${kind}, typed_config: { "@type": ${TYPE}.compression.${kind}.compressor.v3.${kind[0]!.toUpperCase()}${kind.slice(1)}, ${fields} } }`;
const compressor = (kind: string, fields = '', name = 'compressor'): string =>
  `{ name: ${name}, typed_config: { "@type": ${TYPE}.filters.http.compressor.v3.Compressor, ${library(kind)}, ${fields} } }`;
const decompressor = (fields = '', libraryFields = ''): string =>
  `{ name: decompressor, typed_config: { "@type": ${TYPE}.filters.http.decompressor.v3.Decompressor, decompressor_library: { name: gzip, typed_config: { "@type": ${TYPE}.compression.gzip.decompressor.v3.Gzip, ${libraryFields} } }, ${fields} } }`;
const fault = (fields: string): string =>
  `{ name: fault, typed_config: { "@type": ${TYPE}.filters.http.fault.v3.HTTPFault, ${fields} } }`;
const ALWAYS = 'percentage: { numerator: 100 }';
const add = (key: string, value: string, action = 'APPEND_IF_EXISTS_OR_ADD'): string =>
  `{ append: { header: { key: ${key}, value: "${value}" }, append_action: ${action} } }`;
const MUTATION = `"@type": ${TYPE}.filters.http.header_mutation.v3.HeaderMutation`;
const own = (text: string): string =>
  `typed_per_filter_config: { mutation: { ${MUTATION}PerRoute, mutations: { request_mutations: [${add('x-level', text, 'OVERWRITE_IF_EXISTS_OR_ADD')}], response_mutations: [${add('x-answer', text)}] } } }`;
const mutation = (fields = ''): string =>
  `{ name: mutation, typed_config: { ${MUTATION}, ${fields} mutations: { request_mutations: [{ remove: x-gone }, ${add('x-level', 'chain')}, ${add('x-there', 'new', 'OVERWRITE_IF_EXISTS')}, ${add('x-fresh', 'no', 'OVERWRITE_IF_EXISTS')}, ${add('x-method', '%REQ(:METHOD)%')}, { remove_on_match: { key_matcher: { prefix: x-tmp- } } }], response_mutations: [${add('x-answer', 'chain')}, { remove: x-upstream }] } } }`;

const virtualHosts = `
- name: all
  domains: ["*"]
  ${own('host')}
  routes:
    - { match: { path: /mutated }, route: { cluster: a }, ${own('route')} }
    - { match: { path: /off }, route: { cluster: a }, typed_per_filter_config: { compressor: { "@type": ${TYPE}.filters.http.compressor.v3.CompressorPerRoute, disabled: true } } }
    - { match: { path: /direct }, direct_response: { status: 200, body: { inline_string: "hello" } } }
    - { match: { prefix: / }, route: { cluster: a } }
`;

const text = 'a text that is worth being compressed, '.repeat(20);
const answer = (headers: Record<string, string> = {}, body = text) => ({
  a: [respond({ headers: { 'content-type': 'text/plain', ...headers }, body })],
});
const seen = (
  name: string,
  listener: string,
  send: string,
  script: Case['script'] = {},
  status = 200,
  more: Partial<Case['wants']> = {},
): Case => ({
  name,
  listener,
  send,
  script,
  wants: { status, ...more },
});

/** Compressed bodies may differ in their bytes, never in what they say. */
async function compareDecoded(
  pair: () => Pair,
  listener: string,
  send: string,
  script: Case['script'],
  wants: string,
): Promise<void> {
  const { reference, ours } = pair();
  const [expected, found] = await Promise.all(
    [reference, ours].map(async (stand) => {
      for (const upstream of stand.upstreams) upstream.script(script?.[upstream.name]);
      using connection = await RawConnection.open(stand.portOf(listener));
      connection.send(send);
      const { status, headers, body } = await connection.response({ method: 'GET' });
      const lines = headers
        .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
        .filter((line) => !/^(date|x-envoy-upstream)/.test(line));
      const encoding = headers.find(([name]) => name.toLowerCase() === 'content-encoding')?.[1] ?? '';
      const upstreams = stand.upstreams.flatMap(({ received }) =>
        received.map(({ headers: told }) =>
          told
            .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
            .filter((line) => /encoding/.test(line))
            .sort(),
        ),
      );
      return { status, lines: lines.sort(), body: decoded(encoding, body), upstreams };
    }),
  );
  expect(expected!.lines.join('\n'), 'Envoy').toContain(wants);
  expect(found).toEqual(expected);
}

function decoded(encoding: string, body: string): string {
  const bytes = Buffer.from(body, 'latin1');
  if (encoding === 'gzip') return gunzipSync(bytes).toString('latin1');
  if (encoding === 'br') return brotliDecompressSync(bytes).toString('latin1');
  return encoding === 'zstd' ? zstdDecompressSync(bytes).toString('latin1') : body;
}

const chunked = raw(
  `HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`,
);
const zipped = gzipSync(text).toString('latin1');
const bomb = gzipSync(Buffer.alloc(100_000)).toString('latin1');
const posted = (path: string, body: string, ...headers: string[]): string => request('POST', path, { headers, body });

compareWithEnvoy(
  {
    name: 'filters-bodies',
    // Two builds of a library squeeze differently, so what comes out of compressors is not compared.
    statistics: /^http\.(?!refuses.*total_)\w+\.(fault|decompressor|compressor(?!.*total_compressed_bytes))\./,
    listeners: {
      gzip: { filters: `[${compressor('gzip')}]` },
      br: { filters: `[${compressor('brotli')}]` },
      zstd: { filters: `[${compressor('zstd')}]` },
      both: { filters: `[${compressor('gzip', '', 'first')}, ${compressor('brotli', '', 'second')}]` },
      preferred: {
        filters: `[${compressor('gzip', 'choose_first: true', 'first')}, ${compressor('brotli', '', 'second')}]`,
      },
      strict: {
        filters: `[${compressor('gzip', 'response_direction_config: { common_config: { min_content_length: 1000, content_type: [application/x] }, disable_on_etag_header: true, remove_accept_encoding_header: true, uncompressible_response_codes: [201] }')}]`,
      },
      telling: {
        filters: `[${compressor('gzip', 'response_direction_config: { status_header_enabled: true, disable_on_etag_header: true, uncompressible_response_codes: [201] }')}]`,
      },
      tellingBoth: {
        filters: `[${compressor('gzip', 'response_direction_config: { status_header_enabled: true }', 'first')}, ${compressor('brotli', 'response_direction_config: { status_header_enabled: true }', 'second')}]`,
      },
      small: {
        filters: `[${compressor('gzip', 'response_direction_config: { common_config: { min_content_length: 1 } }')}]`,
      },
      upload: {
        filters: `[${compressor('gzip', 'request_direction_config: { common_config: { enabled: { default_value: true, runtime_key: x } } }')}]`,
      },
      inflate: { filters: `[${decompressor()}]` },
      refuses: { filters: `[${decompressor()}]` },
      patient: { filters: `[${decompressor('', 'max_inflate_ratio: 1000')}]` },
      silent: {
        filters: `[${decompressor('request_direction_config: { advertise_accept_encoding: false, common_config: { enabled: { default_value: false, runtime_key: x } } }')}]`,
      },
      mutation: { filters: `[${mutation()}]` },
      specific: { filters: `[${mutation('most_specific_header_mutations_wins: true,')}]` },
      abort: { filters: `[${fault(`abort: { http_status: 418, ${ALWAYS} }`)}]` },
      grpcAbort: { filters: `[${fault(`abort: { grpc_status: 5, ${ALWAYS} }`)}]` },
      header: {
        filters: `[${fault(`abort: { header_abort: {}, ${ALWAYS} }, delay: { header_delay: {}, ${ALWAYS} }, response_rate_limit: { header_limit: {}, ${ALWAYS} }`)}]`,
      },
      slow: { filters: `[${fault(`response_rate_limit: { fixed_limit: { limit_kbps: 4 }, ${ALWAYS} }`)}]` },
      delay: { filters: `[${fault(`delay: { fixed_delay: 0.05s, ${ALWAYS} }, headers: [{ name: x-slow }]`)}]` },
      cluster: { filters: `[${fault(`abort: { http_status: 418, ${ALWAYS} }, upstream_cluster: b`)}]` },
    },
    virtualHosts,
    cases: [
      seen('not wanted', 'gzip', get('/'), answer()),
      seen('another encoding wanted', 'gzip', get('/', 'accept-encoding: br'), answer()),
      seen('not wanted at all', 'gzip', get('/', 'accept-encoding: gzip;q=0'), answer()),
      seen('too short', 'gzip', get('/', 'accept-encoding: gzip'), answer({}, 'short')),
      seen('another type', 'gzip', get('/', 'accept-encoding: gzip'), answer({ 'content-type': 'image/png' })),
      seen('encoded already', 'gzip', get('/', 'accept-encoding: gzip'), answer({ 'content-encoding': 'br' })),
      seen(
        'not to be transformed',
        'gzip',
        get('/', 'accept-encoding: gzip'),
        answer({ 'cache-control': 'max-age=1, no-transform' }),
      ),
      seen('off for a route', 'gzip', get('/off', 'accept-encoding: gzip'), answer()),
      seen('HEAD', 'gzip', request('HEAD', '/', { headers: ['accept-encoding: gzip'] }), {
        a: [raw(`HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 900\r\n\r\n`)],
      }),
      seen(
        'an etag where it matters',
        'strict',
        get('/', 'accept-encoding: gzip'),
        answer({ 'content-type': 'application/x', etag: '"1"' }, text.repeat(3)),
      ),
      seen(
        'a status that is left alone',
        'strict',
        get('/', 'accept-encoding: gzip'),
        { a: [respond({ status: 201, headers: { 'content-type': 'application/x' }, body: text.repeat(3) })] },
        201,
      ),

      ...(
        [
          ['a type', { 'content-type': 'image/png' }, text, 200],
          ['a length', {}, 'short', 200],
          ['a length before a type', { 'content-type': 'image/png' }, 'short', 200],
          ['an etag', { etag: '"1"' }, text, 200],
          ['a type before an etag', { 'content-type': 'image/png', etag: '"1"' }, text, 200],
          ['a status', {}, text, 201],
          ['an etag before a status', { etag: '"1"' }, text, 201],
          ['nothing of an encoding', { 'content-encoding': 'br' }, text, 200],
          ['a length before an encoding', { 'content-encoding': 'br' }, 'short', 200],
          ['nothing of a wish', { 'cache-control': 'no-transform' }, text, 200],
          ['a length before a wish', { 'cache-control': 'no-transform' }, 'short', 200],
          ['nothing without a body', {}, '', 200],
        ] as const
      ).flatMap(([name, headers, body, status]) => {
        const script = { a: [respond({ status, headers: { 'content-type': 'text/plain', ...headers }, body })] };
        return [
          seen(`told: ${name}`, 'telling', get('/', 'accept-encoding: gzip'), script, status),
          seen(`told though not wanted: ${name}`, 'telling', get('/'), script, status),
          seen(`told by two: ${name}`, 'tellingBoth', get('/'), script, status),
        ];
      }),
      seen('not told for a route', 'telling', get('/off', 'accept-encoding: gzip'), answer({}, 'short')),

      seen('mutated', 'mutation', get('/', 'x-gone: 1', 'x-there: old', 'x-tmp-a: 1', 'x-tmp-b: 2', 'x-level: mine')),
      seen('mutated at every level', 'mutation', get('/mutated')),
      seen('mutated, the most specific last', 'specific', get('/mutated')),
      seen('a direct response mutated', 'mutation', get('/direct')),

      seen('aborted', 'abort', get('/'), {}, 418, { body: 'fault filter abort', flags: 'FI', reached: [] }),
      seen('aborted for gRPC', 'abort', posted('/', '', 'content-type: application/grpc'), {}, 200),
      seen('aborted with a gRPC status', 'grpcAbort', posted('/', '', 'content-type: application/grpc'), {}, 200),
      seen('aborted with a gRPC status, no gRPC', 'grpcAbort', get('/'), {}, 200),
      seen('aborted by a header', 'header', get('/', 'x-envoy-fault-abort-request: 409'), {}, 409),
      seen(
        'aborted by a header, none of the share',
        'header',
        get('/', 'x-envoy-fault-abort-request: 409', 'x-envoy-fault-abort-request-percentage: 0'),
        {},
        200,
      ),
      seen(
        'aborted by a header for gRPC',
        'header',
        posted('/', '', 'content-type: application/grpc', 'x-envoy-fault-abort-grpc-request: 7'),
        {},
        200,
      ),
      seen('delayed by a header', 'header', get('/', 'x-envoy-fault-delay-request: 30'), {}, 200, { flags: 'DI' }),
      seen('a header without a meaning', 'header', get('/', 'x-envoy-fault-abort-request: x'), {}, 200),
      seen('slowed by a header', 'header', get('/', 'x-envoy-fault-throughput-response: 8'), answer(), 200),
      seen('slowed', 'slow', get('/'), answer()),
      seen('slowed, without a body', 'slow', get('/'), { a: [respond()] }),
      seen('delayed', 'delay', get('/', 'x-slow: 1'), {}, 200, { flags: 'DI' }),
      seen('not delayed', 'delay', get('/'), {}, 200, { flags: '-' }),
      seen('another cluster', 'cluster', get('/')),
      seen('decompression not needed', 'inflate', get('/'), answer()),
      seen('decompression of a request', 'inflate', posted('/', zipped, 'content-encoding: gzip')),
      seen('decompression of something else', 'refuses', posted('/', 'no gzip', 'content-encoding: gzip')),
      seen('decompression beyond the ratio', 'refuses', posted('/', bomb, 'content-encoding: gzip')),
      seen('decompression within a larger ratio', 'patient', posted('/', bomb, 'content-encoding: gzip')),
      seen('decompression off for requests', 'silent', posted('/', zipped, 'content-encoding: gzip')),
      seen('decompression of a response', 'silent', get('/'), answer({ 'content-encoding': 'gzip' }, zipped)),
      seen(
        'decompression of another encoding',
        'inflate',
        get('/'),
        answer({ 'content-encoding': 'br' }, brotliCompressSync(text).toString('latin1')),
      ),
      seen(
        'a decompressed response not to be transformed',
        'inflate',
        get('/'),
        answer({ 'content-encoding': 'gzip', 'cache-control': 'no-transform' }, zipped),
      ),
    ],
  },
  (pair) => {
    test.each<[name: string, listener: string, send: string, script: Case['script'], wants: string]>([
      ['gzip', 'gzip', get('/', 'accept-encoding: gzip'), answer(), 'content-encoding: gzip'],
      ['brotli', 'br', get('/', 'accept-encoding: br, gzip'), answer(), 'content-encoding: br'],
      ['zstd', 'zstd', get('/', 'accept-encoding: zstd'), answer(), 'content-encoding: zstd'],
      ['what is told of it', 'telling', get('/', 'accept-encoding: gzip'), answer(), 'gzip;Compressed;OriginalLength='],
      [
        'what is told of chunks',
        'telling',
        get('/', 'accept-encoding: gzip'),
        { a: [chunked] },
        'gzip;Compressed;OriginalLength=',
      ],
      ['anything', 'gzip', get('/', 'accept-encoding: *'), answer(), 'content-encoding: gzip'],
      [
        'the one that is wanted more',
        'both',
        get('/', 'accept-encoding: gzip;q=0.5, br'),
        answer(),
        'content-encoding: br',
      ],
      ['the first named of two alike', 'both', get('/', 'accept-encoding: br, gzip'), answer(), 'content-encoding: br'],
      [
        'the preferred of two alike',
        'preferred',
        get('/', 'accept-encoding: br, gzip'),
        answer(),
        'content-encoding: gzip',
      ],
      ['the other one', 'both', get('/', 'accept-encoding: gzip, br;q=0.5'), answer(), 'content-encoding: gzip'],
      [
        'no type',
        'gzip',
        get('/', 'accept-encoding: gzip'),
        { a: [respond({ body: text })] },
        'content-encoding: gzip',
      ],
      ['chunks', 'gzip', get('/', 'accept-encoding: gzip'), { a: [chunked] }, 'content-encoding: gzip'],
      [
        'a strong etag',
        'gzip',
        get('/', 'accept-encoding: gzip'),
        answer({ etag: '"1"', vary: 'origin' }),
        'vary: origin, Accept-Encoding',
      ],
      [
        'a weak etag',
        'gzip',
        get('/', 'accept-encoding: gzip'),
        answer({ etag: 'W/"1"', vary: 'accept-encoding' }),
        'etag: W/"1"',
      ],
      [
        'kept from the upstream',
        'strict',
        get('/', 'accept-encoding: gzip'),
        answer({ 'content-type': 'application/x' }, text.repeat(3)),
        'content-encoding: gzip',
      ],
      ['a direct response', 'small', get('/direct', 'accept-encoding: gzip'), {}, 'content-encoding: gzip'],
    ])('compressed: %s', async (_name, listener, send, script, wants) => {
      await compareDecoded(pair, listener, send, script, wants);
    });
    test('a request compressed on its way', async () => {
      await compareDecoded(pair, 'upload', posted('/', text, 'content-type: text/plain'), {}, 'x-upstream: a');
      const [body] = pair().ours.upstreams.flatMap(({ received }) => received.map((one) => one.body));
      expect(gunzipSync(Buffer.from(body ?? '', 'latin1')).toString()).toBe(text);
    });
  },
);
