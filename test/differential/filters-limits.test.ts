// Filters that hold traffic back: limits of bandwidth, admission by success, requests at a time by latency.
import { expect, test } from 'vitest';
import { RawConnection } from '../support/raw-http.ts';
import { type Reply, raw, respond } from '../support/upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import type { Stand } from './harness/stand.ts';
import { figures } from './harness/statistics.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http';
const BANDWIDTH = `"@type": ${TYPE}.bandwidth_limit.v3.BandwidthLimit`;
const bandwidth = (name: string, fields = ''): string =>
  `[{ name: bandwidth, typed_config: { ${BANDWIDTH}, stat_prefix: ${name}, ${fields} } }]`;
const route = (path: string, fields: string): string =>
  `{ match: { path: ${path} }, route: { cluster: a }, typed_per_filter_config: { bandwidth: { ${BANDWIDTH}, ${fields} } } }`;

/** So steep that one failure is enough to refuse everything, by any chance. */
const CERTAIN =
  'aggression: { default_value: 1000000000, runtime_key: x }, max_rejection_probability: { default_value: { value: 100 }, runtime_key: x }';
const admission = (fields = CERTAIN, before = '', criteria = ''): string =>
  `[${before}{ name: admission, typed_config: { "@type": ${TYPE}.admission_control.v3.AdmissionControl, success_criteria: { ${criteria} }, ${fields} } }]`;
const concurrency = (limits: string, fastest: string, fields = ''): string =>
  `[{ name: concurrency, typed_config: { "@type": ${TYPE}.adaptive_concurrency.v3.AdaptiveConcurrency, gradient_controller_config: { concurrency_limit_params: { ${limits} }, min_rtt_calc_params: { ${fastest} } }, ${fields} } }]`;
const RARELY = 'concurrency_update_interval: 1000s';
const CHECKS = `{ name: health, typed_config: { "@type": ${TYPE}.health_check.v3.HealthCheck, pass_through_mode: true, headers: [{ name: ":path", string_match: { exact: /health } }] } }, `;

const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
    - ${route('/off', 'stat_prefix: route_off, limit_kbps: 1')}
    - ${route('/own', 'stat_prefix: route_own, limit_kbps: 100, enable_mode: REQUEST')}
    - { match: { path: /direct }, direct_response: { status: 200, body: { inline_string: hello } } }
    - { match: { path: /empty }, route: { cluster: empty } }
    - { match: { prefix: / }, route: { cluster: trailing } }
`;

const seen = (name: string, listener: string, send: string, script: Case['script'] = {}): Case => ({
  name,
  listener,
  send,
  script,
  wants: { status: 200 },
});
/** What upstream a answers in turn, and what the client gets. */
const turns = (
  name: string,
  listener: string,
  answers: readonly Reply[],
  statuses: readonly number[],
  path = '/',
): Case => ({
  name: `admission: ${name}`,
  listener,
  send: statuses.map(() => get(path)),
  script: { a: answers },
  wants: { status: statuses },
});
const failed = respond({ status: 500 });
const answered = respond({ body: 'ok' });
const call = (status: string): Reply =>
  respond({ headers: { 'content-type': 'application/grpc', 'grpc-status': status } });
const called = (status: string): Reply =>
  raw(
    `HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\ngrpc-status: ${status}\r\n\r\n`,
  );
const posted = (path: string, body: string): string => request('POST', path, { body });
const chunked = (body: string, trailers = ''): NonNullable<Case['script']> => ({
  a: [
    raw(
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n${trailers}\r\n`,
    ),
  ],
});
const TRAILERS = 'http_protocol_options: { enable_trailers: true }';
const PROTOCOL = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const clusters = `
- name: trailing
  type: STATIC
  typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { "@type": ${PROTOCOL}, explicit_http_config: { ${TRAILERS} } } }
  load_assignment: { cluster_name: trailing, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <a> } } } }] }] }
`;

/** What a client saw of a slow response, but for how slow it was. */
async function watch(stand: Stand, listener: string, send: string, script: Case['script']) {
  for (const upstream of stand.upstreams) upstream.script(script?.[upstream.name]);
  const started = performance.now();
  using connection = await RawConnection.open(stand.portOf(listener));
  connection.send(send);
  const { status, body, trailers } = await connection.response({ method: 'GET' });
  const taken = performance.now() - started;
  const delays = trailers.map(([name, value]) => `${name}: ${/^\d+$/.test(value) ? '<milliseconds>' : value}`);
  return { seen: { status, bytes: body.length, delays: delays.sort() }, taken };
}

compareWithEnvoy(
  {
    name: 'filters-limits',
    statistics:
      /\.http_bandwidth_limit\.(?!\w+_(?:incoming|allowed)_size)(?!.*enforced)|^http\.(?!recovering)\w+\.admission_control\./,
    listeners: {
      both: { filters: bandwidth('both', 'limit_kbps: 100, enable_mode: REQUEST_AND_RESPONSE') },
      unlimited: { filters: bandwidth('unlimited') },
      disabled: {
        filters: bandwidth(
          'disabled',
          'limit_kbps: 1, enable_mode: REQUEST_AND_RESPONSE, runtime_enabled: { default_value: false, runtime_key: x }',
        ),
      },
      upload: { filters: bandwidth('upload', 'limit_kbps: 4, enable_mode: REQUEST, fill_interval: 0.02s') },
      download: { filters: bandwidth('download', 'limit_kbps: 4, enable_mode: RESPONSE') },
      told: {
        filters: bandwidth('told', 'limit_kbps: 4, enable_mode: REQUEST_AND_RESPONSE, enable_response_trailers: true'),
        manager: TRAILERS,
      },
      named: {
        filters: bandwidth(
          'named',
          'limit_kbps: 4, enable_mode: RESPONSE, enable_response_trailers: true, response_trailer_prefix: Mine',
        ),
        manager: TRAILERS,
      },
      steep: { filters: admission() },
      steepHttp: {
        filters: admission(CERTAIN, '', 'http_criteria: { http_success_status: [{ start: 200, end: 300 }] }'),
      },
      steepGrpc: { filters: admission() },
      steepTrailers: { filters: admission(), manager: TRAILERS },
      steepListed: {
        filters: admission(CERTAIN, '', 'grpc_criteria: { grpc_success_status: [0, 14] }'),
        manager: TRAILERS,
      },
      steepOwn: { filters: admission() },
      steepChecks: { filters: admission(CERTAIN, CHECKS) },
      recovering: { filters: admission(`${CERTAIN}, sampling_window: 2s`) },
      rare: { filters: admission(`${CERTAIN}, rps_threshold: { default_value: 1, runtime_key: x }`) },
      never: { filters: admission('max_rejection_probability: { default_value: { value: 0 }, runtime_key: x }') },
      idle: { filters: admission(`${CERTAIN}, enabled: { default_value: false, runtime_key: x }`) },
      single: { filters: concurrency(`${RARELY}, min_concurrency_limit: 1`, 'fixed_value: 10s') },
      singleOwn: {
        filters: concurrency(
          `${RARELY}, min_concurrency_limit: 1`,
          'fixed_value: 10s',
          'concurrency_limit_exceeded_status: { code: TooManyRequests }',
        ),
      },
      singleOdd: {
        filters: concurrency(
          `${RARELY}, min_concurrency_limit: 1`,
          'fixed_value: 10s',
          'concurrency_limit_exceeded_status: { code: OK }',
        ),
      },
      measuring: { filters: concurrency(RARELY, 'interval: 1000s, min_concurrency: 1, request_count: 3') },
      boundless: {
        filters: concurrency(
          RARELY,
          'interval: 1000s, min_concurrency: 1',
          'enabled: { default_value: false, runtime_key: x }',
        ),
      },
      growing: {
        filters: concurrency('concurrency_update_interval: 0.05s, max_concurrency_limit: 9', 'fixed_value: 10s'),
      },
    },
    virtualHosts,
    clusters,
    cases: [
      seen('both ways, within the limit', 'both', posted('/', 'hello'), { a: [respond({ body: 'world' })] }),
      seen('without bodies', 'both', get('/'), { a: [respond()] }),
      seen('chunks', 'both', get('/'), chunked('hello')),
      seen('trailers', 'told', get('/'), chunked('hello', 'x-end: 1\r\n')),
      seen('a direct response', 'both', get('/direct')),
      seen('not enabled', 'unlimited', posted('/', 'hello')),
      seen('disabled by the runtime', 'disabled', posted('/', 'x'.repeat(3_000))),
      seen('off for a route', 'both', posted('/off', 'x'.repeat(3_000))),
      seen('one of its own for a route', 'both', posted('/own', 'x'.repeat(3_000))),
      seen('nothing to tell of delays', 'told', get('/'), chunked('hello')),

      {
        ...turns(
          'successes pass, a failure ends it',
          'steep',
          [answered, answered, failed, failed],
          [200, 200, 500, 503],
        ),
        wants: { status: [200, 200, 500, 503], flags: '-' },
      },
      turns('what counts as success', 'steepHttp', [answered, respond({ status: 404 })], [200, 404, 503]),
      turns('a status of gRPC in the head', 'steepGrpc', [call('2'), call('14')], [200, 200, 503]),
      turns('a status of gRPC in trailers', 'steepTrailers', [called('5'), called('13')], [200, 200, 503]),
      turns('statuses of gRPC as listed', 'steepListed', [call('14'), called('14'), called('5')], [200, 200, 200, 503]),
      turns('an answer of the router itself', 'steepOwn', [], [503, 503], '/empty'),
      turns('below the rate', 'rare', [failed], [500, 500]),
      turns('with no probability', 'never', [failed], [500, 500]),
      turns('not enabled', 'idle', [failed], [500, 500]),
      {
        ...turns('health checks do not count', 'steepChecks', [failed, failed, answered], [500, 500, 200]),
        send: [get('/health'), get('/health'), get('/')],
      },
    ],
  },
  (pair) => {
    // A bucket holds 4096 bytes, and gets as many in a second.
    test.each<[name: string, listener: string, send: string, script: Case['script'], least: number]>([
      ['an upload', 'upload', posted('/', 'x'.repeat(6_000)), {}, 400],
      ['a download', 'download', get('/'), { a: [respond({ body: 'x'.repeat(6_000) })] }, 400],
      ['delays are told', 'told', posted('/', 'x'.repeat(5_000)), chunked('x'.repeat(1_000)), 400],
      ['delays are told after trailers', 'named', get('/'), chunked('x'.repeat(5_000), 'x-end: 1\r\n'), 200],
    ])('slowed down: %s', async (_name, listener, send, script, least) => {
      const { reference, ours } = pair();
      const [theirs, mine] = await Promise.all([reference, ours].map((one) => watch(one, listener, send, script)));
      expect(mine!.seen).toEqual(theirs!.seen);
      expect(theirs!.taken, 'Envoy').toBeGreaterThan(least);
      expect(mine!.taken).toBeGreaterThan(least);
    });
    test('admission: what is long ago is forgotten', async () => {
      const { reference, ours } = pair();
      for (const stand of [reference, ours]) {
        for (const upstream of stand.upstreams) upstream.script([failed, answered]);
        const status = async () => (await fetch(`http://127.0.0.1:${stand.portOf('recovering')}/`)).status;
        expect([await status(), await status()]).toEqual([500, 503]);
        await waitFor('requests are admitted again', async () => (await status()) === 200);
      }
    });

    const GRADIENT = /\.gradient_controller\./;
    const gauges = async (stand: Stand, listener: string) =>
      Object.fromEntries(
        [...(await figures(stand))].filter(([name]) => name.startsWith(`http.${listener}.`) && GRADIENT.test(name)),
      );

    test.each<[name: string, listener: string, status: number]>([
      ['one too many', 'single', 503],
      ['one too many, with a status', 'singleOwn', 429],
      ['one too many, with a status that is no error', 'singleOdd', 503],
      ['one too many while the fastest is measured', 'measuring', 503],
      ['not enabled', 'boundless', 200],
    ])('concurrency: %s', async (_name, listener, status) => {
      const { reference, ours } = pair();
      const [theirs, mine] = await Promise.all(
        [reference, ours].map(async (stand) => {
          for (const upstream of stand.upstreams) upstream.script([raw('', 'hang'), answered]);
          const client = () => RawConnection.open(stand.portOf(listener));
          using first = await client();
          first.send(get('/'));
          await waitFor('the first is under way', () => stand.upstreams[0]!.received.length === 1);
          using second = await client();
          second.send(get('/'));
          const { status, headers, body } = await second.response({ method: 'GET' });
          const told = headers
            .map(([name, value]) => `${name}: ${value}`)
            .filter((line) => !/^(date|x-envoy-up)/.test(line));
          return { status, told, body, gauges: await gauges(stand, listener) };
        }),
      );
      expect(theirs!.status, 'Envoy').toBe(status);
      expect(mine).toEqual(theirs);
    });

    test.each<[name: string, listener: string, wants: string]>([
      ['the fastest is measured', 'measuring', 'min_rtt_calculation_active 0'],
      ['the limit grows to the most', 'growing', 'concurrency_limit 9'],
    ])('concurrency: %s', async (_name, listener, wants) => {
      const { reference, ours } = pair();
      const [field, value] = wants.split(' ');
      const [theirs, mine] = await Promise.all(
        [reference, ours].map(async (stand) => {
          const name = `http.${listener}.adaptive_concurrency.gradient_controller.${field}`;
          const reached = async () => {
            for (let i = 0; i < 3; i++) await (await fetch(`http://127.0.0.1:${stand.portOf(listener)}/direct`)).text();
            return (await figures(stand)).get(name) === Number(value);
          };
          await waitFor(`${name} ${value} (${stand.subject})`, reached);
          const { [name.replace(field!, 'sample_rtt_msecs')]: _, ...steady } = await gauges(stand, listener);
          return steady;
        }),
      );
      expect(mine).toEqual(theirs);
    });
  },
);
