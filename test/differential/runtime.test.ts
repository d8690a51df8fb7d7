// The runtime: shares, flags and numbers that its keys override, from a static layer and from the admin interface.
import { expect, test } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { observe } from './harness/observation.ts';

const FILTERS = 'type.googleapis.com/envoy.extensions.filters.http';
const fraction = (numerator: number, key: string): string =>
  `{ default_value: { numerator: ${numerator} }, runtime_key: ${key} }`;
const config = (name: string, type: string, fields: string): string =>
  `typed_per_filter_config: { ${name}: { "@type": ${FILTERS}.${type}, ${fields} } }`;
const fault = (fields: string): string => config('fault', 'fault.v3.HTTPFault', fields);
const ABORT = 'abort: { http_status: 503, percentage: { numerator: 100 } }';

const VALUES: Readonly<Record<string, string>> = {
  all: '100',
  none: '0',
  over: '300',
  less: '-1',
  'as.text': '"0"',
  'as.fraction': '{ numerator: 0, denominator: MILLION }',
  'as.flag': 'false',
  'as.words': 'nothing',
  'as.double': '0.5',
  on: 'true',
  'weights.a': '0',
  'weights.b': '7',
  'weights.c': '"words"',
  'fault.no': '0',
  'fault.status': '418',
  'circuit_breakers.limited.default.max_requests': '0',
  'upstream.healthy_panic_threshold': '0',
};

/** Routes of which the second takes what the first leaves. */
const taken = (name: string, numerator: number, key: string): string => `
    - { match: { path: /${name}, runtime_fraction: ${fraction(numerator, key)} }, direct_response: { status: 201 } }
    - { match: { path: /${name} }, direct_response: { status: 202 } }`;

const SHARES: readonly (readonly [name: string, numerator: number, key: string, status: number])[] = [
  ['raised', 0, 'all', 201],
  ['lowered', 100, 'none', 202],
  ['over', 0, 'over', 201],
  ['negative', 100, 'less', 201],
  ['text', 100, 'as.text', 202],
  ['fraction', 100, 'as.fraction', 202],
  ['flag', 100, 'as.flag', 201],
  ['words', 100, 'as.words', 201],
  ['double', 100, 'as.double', 202],
  ['absent', 100, 'absent', 201],
];

const cluster = (name: string, health: string): string =>
  `{ name: ${name}, type: STATIC, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ health_status: ${health}, endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <a> } } } }] }] } }`;

const ask = (path: string, status: number, ...headers: string[]): Case => ({
  name: path,
  send: get(path, ...headers),
  wants: { status },
});

compareWithEnvoy(
  {
    name: 'runtime',
    bootstrap: `layered_runtime: { layers: [
      { name: first, static_layer: { all: 5, none: 5 } },
      { name: second, static_layer: { ${Object.entries(VALUES)
        .map(([key, value]) => `"${key}": ${value}`)
        .join(', ')} } },
      { name: admin, admin_layer: {} },
    ] }`,
    listeners: {
      front: {
        filters: `
- { name: fault, typed_config: { "@type": ${FILTERS}.fault.v3.HTTPFault } }
- { name: csrf, typed_config: { "@type": ${FILTERS}.csrf.v3.CsrfPolicy, filter_enabled: { default_value: { numerator: 0 } } } }
- { name: cors, typed_config: { "@type": ${FILTERS}.cors.v3.Cors } }
- { name: local, typed_config: { "@type": ${FILTERS}.local_ratelimit.v3.LocalRateLimit, stat_prefix: l } }
`,
      },
    },
    virtualHosts: `
- name: all
  domains: ["*"]
  routes:
${SHARES.map(([name, numerator, key]) => taken(name, numerator, key)).join('')}
    - { match: { path: /changed, runtime_fraction: ${fraction(0, 'changed')} }, direct_response: { status: 201 } }
    - { match: { path: /changed }, direct_response: { status: 202 } }
    - { match: { path: /weights }, route: { weighted_clusters: { runtime_key_prefix: weights, clusters: [{ name: a, weight: 100 }, { name: b, weight: 0 }, { name: c, weight: 0 }] } } }
    - { match: { path: /weights-by-header }, route: { weighted_clusters: { runtime_key_prefix: weights, header_name: x-place, clusters: [{ name: a, weight: 100 }, { name: b, weight: 0 }, { name: c, weight: 1 }] } } }
    - { match: { path: /breaker }, route: { cluster: limited } }
    - { match: { path: /panic }, route: { cluster: sick } }
    - { match: { path: /mirror }, route: { cluster: a, request_mirror_policies: [{ cluster: b, runtime_fraction: ${fraction(100, 'none')} }, { cluster: c, runtime_fraction: ${fraction(0, 'all')} }] } }
    - { match: { path: /fault }, route: { cluster: a }, ${fault(`${ABORT}, abort_percent_runtime: fault.no`)} }
    - { match: { path: /fault-status }, route: { cluster: a }, ${fault(`${ABORT}, abort_http_status_runtime: fault.status`)} }
    - { match: { path: /fault-most }, route: { cluster: a }, ${fault(`${ABORT}, max_active_faults_runtime: none`)} }
    - { match: { path: /fault-header }, route: { cluster: a }, ${fault('abort: { header_abort: {}, percentage: { numerator: 100 } }, abort_percent_runtime: none')} }
    - { match: { path: /fault-default }, route: { cluster: a }, ${fault(ABORT)} }
    - { match: { path: /csrf }, route: { cluster: a }, ${config('csrf', 'csrf.v3.CsrfPolicy', `filter_enabled: ${fraction(0, 'all')}`)} }
    - { match: { path: /csrf-off }, route: { cluster: a }, ${config('csrf', 'csrf.v3.CsrfPolicy', `filter_enabled: ${fraction(100, 'none')}`)} }
    - { match: { path: /cors }, route: { cluster: a }, ${config('cors', 'cors.v3.CorsPolicy', `allow_origin_string_match: [{ exact: "http://a.test" }], filter_enabled: ${fraction(100, 'none')}`)} }
    - { match: { path: /limited }, route: { cluster: a }, ${config('local', 'local_ratelimit.v3.LocalRateLimit', `stat_prefix: l, token_bucket: { max_tokens: 1, fill_interval: 600s }, filter_enabled: ${fraction(0, 'all')}, filter_enforced: ${fraction(0, 'all')}`)} }
    - { match: { path: /unlimited }, route: { cluster: a }, ${config('local', 'local_ratelimit.v3.LocalRateLimit', `stat_prefix: l, token_bucket: { max_tokens: 1, fill_interval: 600s }, filter_enabled: ${fraction(100, 'all')}, filter_enforced: ${fraction(100, 'none')}`)} }
`,
    clusters: `[${[cluster('limited', 'UNKNOWN'), cluster('sick', 'UNHEALTHY')].join(', ')}]`,
    cases: [
      { name: 'no request is let through', send: get('/breaker'), wants: { status: 503, flags: 'UO', reached: [] } },
      { name: 'no panic', send: get('/panic'), wants: { status: 503, flags: 'UH', reached: [] } },
      ...SHARES.map(([name, , , status]) => ask(`/${name}`, status)),
      { name: 'weights', send: get('/weights'), wants: { status: 200, reached: ['b'] } },
      {
        name: 'weights by a header',
        send: get('/weights-by-header', 'x-place: 7'),
        wants: { status: 200, reached: ['c'] },
      },
      { name: 'mirrors', send: get('/mirror'), wants: { status: 200, reached: ['a', 'c'] } },
      ask('/fault', 200),
      ask('/fault-status', 418),
      ask('/fault-most', 200),
      ask('/fault-header', 200, 'x-envoy-fault-abort-request: 501'),
      ask('/fault-default', 503),
      { name: 'csrf', send: request('POST', '/csrf', { headers: ['origin: http://b.test'] }), wants: { status: 403 } },
      {
        name: 'csrf, off',
        send: request('POST', '/csrf-off', { headers: ['origin: http://b.test'] }),
        wants: { status: 200 },
      },
      { name: 'cors', send: get('/cors', 'origin: http://a.test'), wants: { status: 200 } },
      { name: 'limited', send: [get('/limited'), get('/limited')], wants: { status: [200, 429] } },
      { name: 'counted only', send: [get('/unlimited'), get('/unlimited')], wants: { status: [200, 200] } },
    ],
  },
  (pair) => {
    test('a value that the admin interface changes', async () => {
      for (const [value, status] of [
        ['', 202],
        ['100', 201],
        ['0', 202],
        ['true', 202],
      ] as const) {
        await both(pair(), `changed=${value}`, '/changed', status);
      }
      await both(pair(), 'fault.http.abort.abort_percent=0', '/fault-default', 200);
      await both(pair(), 'fault.http.abort.abort_percent=', '/fault-default', 503);
    });
  },
);

/** Envoy's threads hear of a change a little later. */
async function both({ reference, ours }: Pair, change: string, path: string, status: number): Promise<void> {
  for (const stand of [reference, ours]) {
    const changed = await fetch(`http://127.0.0.1:${stand.portOf('admin')}/runtime_modify?${change}`, {
      method: 'POST',
    });
    expect(await changed.text()).toBe('OK\n');
    await waitFor(`${change} at ${stand.subject}`, async () => {
      const { responses } = await observe(stand, ask(path, status), 'changed');
      return responses[0]?.status === status;
    });
  }
}
