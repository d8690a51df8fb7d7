// Endpoints that a request names in a header (`override_host`).
import { respond } from '../support/upstream.ts';
import { get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const member = (port: string, health = 'UNKNOWN'): string =>
  `{ health_status: ${health}, endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }`;
const RANDOM =
  'policies: [{ typed_extension_config: { name: r, typed_config: { "@type": type.googleapis.com/envoy.extensions.load_balancing_policies.random.v3.Random } } }]';
const policy = `load_balancing_policy: { policies: [{ typed_extension_config: { name: o, typed_config: { "@type": type.googleapis.com/envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost, override_host_sources: [{ header: x-first }, { header: x-second }], fallback_policy: { ${RANDOM} } } } }] }`;
const bad = respond({ status: 503 });

compareWithEnvoy({
  name: 'override host',
  virtualHosts:
    '[{ name: all, domains: ["*"], routes: [{ match: { prefix: / }, route: { cluster: named, timeout: 0s, retry_policy: { retry_on: 5xx, num_retries: 2 } } }] }]',
  // Without a word of the request it is always `a`.
  clusters: `[{ name: named, type: STATIC, connect_timeout: 1s, ${policy}, load_assignment: { cluster_name: named, policy: { overprovisioning_factor: 200 }, endpoints: [{ lb_endpoints: [${member('a')}, ${member('b', 'UNHEALTHY')}] }, { priority: 1, lb_endpoints: [${member('c')}] }] } }]`,
  cases: [
    { name: 'none named', send: get('/'), wants: { status: 200, reached: ['a'] } },
    { name: 'one named', send: get('/', 'x-first: 127.0.0.1:<c>'), wants: { status: 200, reached: ['c'] } },
    { name: 'an unhealthy one', send: get('/', 'x-first: 127.0.0.1:<b>'), wants: { status: 200 } },
    { name: 'the second header', send: get('/', 'x-second: 127.0.0.1:<c>'), wants: { status: 200, reached: ['c'] } },
    {
      name: 'both headers',
      send: get('/', 'x-second: 127.0.0.1:<c>', 'x-first: 127.0.0.1:<a>'),
      wants: { status: 200, reached: ['a'] },
    },
    { name: 'nobody there', send: get('/', 'x-first: 127.0.0.1:<dead>'), wants: { status: 200, reached: ['a'] } },
    {
      name: 'nobody there, then the second header',
      send: get('/', 'x-first: 127.0.0.1:<dead>', 'x-second: 127.0.0.1:<c>'),
      wants: { status: 200 },
    },
    { name: 'no address', send: get('/', 'x-first: somewhere'), wants: { status: 200, reached: ['a'] } },
    { name: 'an empty header', send: get('/', 'x-first:'), wants: { status: 200, reached: ['a'] } },
    { name: 'a list', send: get('/', 'x-first: 127.0.0.1:<dead>, 127.0.0.1:<c>'), wants: { status: 200 } },
    {
      name: 'a list without spaces',
      send: get('/', 'x-first: 127.0.0.1:<dead>,127.0.0.1:<c>'),
      wants: { status: 200 },
    },
    {
      name: 'two headers of the name',
      send: get('/', 'x-first: 127.0.0.1:<dead>', 'x-first: 127.0.0.1:<c>'),
      wants: { status: 200 },
    },
    {
      name: 'retries go on with the list',
      send: get('/', 'x-first: 127.0.0.1:<c>,127.0.0.1:<b>'),
      script: { c: [bad], b: [bad] },
      wants: { status: 200 },
    },
    {
      name: 'retries over the end of the list',
      send: get('/', 'x-first: 127.0.0.1:<c>'),
      script: { c: [bad, respond()] },
      wants: { status: 200, reached: ['a', 'c'] },
    },
  ],
});
