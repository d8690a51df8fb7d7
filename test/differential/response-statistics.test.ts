// What a cluster's statistics say of responses, where the router is told to leave some of it out.
import { raw, respond } from '../support/upstream.ts';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
const listener = (router: string) => ({
  manager: `http_filters: [{ name: envoy.filters.http.router, typed_config: { "@type": ${ROUTER}, ${router} } }]`,
});

const cluster = (name: string) =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <a> } } } }] }] } }`;

const GRPC = 'content-type: application/grpc';
const grpc = (status: number) =>
  raw(`HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: ${status}\r\ncontent-length: 0\r\n\r\n`);

/** Requests that end in every way there is. */
const askedOf = (listener: string): Case[] => {
  const one = (name: string, send: string, status: number, script: Case['script'] = {}): Case => ({
    name: `${listener}: ${name}`,
    ...{ listener, send, script, wants: { status } },
  });
  const at = (path: string, ...headers: string[]) => get(`/${listener}${path}`, ...headers);
  return [
    one('an answer', at(''), 200),
    one('a bad answer', at(''), 503, { a: [respond({ status: 503 })] }),
    one('a late one', at('/late'), 504, { a: [raw('', 'hang')] }),
    one('none', at(''), 503, { a: [raw('', 'close')] }),
    one('one after another', at('/retried'), 200, { a: [respond({ status: 503 }), respond({ status: 200 })] }),
    one('gRPC', at('', GRPC), 200, { a: [grpc(0)] }),
    one('gRPC that fails', at('', GRPC), 200, { a: [grpc(14)] }),
    one('gRPC that is not found', at('', GRPC), 404, { a: [respond({ status: 404 })] }),
    one('gRPC that fails, again', at('/retried', GRPC), 200, { a: [respond({ status: 503 }), grpc(0)] }),
    one('gRPC without an answer', request('POST', `/${listener}`, { headers: [GRPC] }), 200, { a: [raw('', 'close')] }),
  ];
};

const NAMES = ['plain', 'still', 'uncoded', 'both'];

compareWithEnvoy({
  name: 'response statistics',
  bootstrap: 'stats_flush_interval: 0.1s',
  listeners: {
    plain: listener(''),
    still: listener('dynamic_stats: false'),
    uncoded: listener('suppress_grpc_request_failure_code_stats: true'),
    both: listener('dynamic_stats: false, suppress_grpc_request_failure_code_stats: true'),
  },
  virtualHosts: `
- name: all
  domains: ['*']
  virtual_clusters: [{ name: some, headers: [{ name: ":path", string_match: { prefix: /uncoded } }] }, { name: others, headers: [{ name: ":path", string_match: { prefix: / } }] }]
  routes:
${NAMES.flatMap((name) => [
  `  - { match: { path: /${name}/late }, stat_prefix: ${name}, route: { cluster: ${name}, timeout: 0.1s } }`,
  `  - { match: { path: /${name}/retried }, stat_prefix: ${name}, route: { cluster: ${name}, retry_policy: { retry_on: 5xx, num_retries: 1, retry_back_off: { base_interval: 0.001s } } } }`,
  `  - { match: { prefix: /${name} }, stat_prefix: ${name}, route: { cluster: ${name} } }`,
]).join('\n')}
`,
  clusters: `[${NAMES.map(cluster).join(', ')}]`,
  statistics: /^(cluster\.\w+\.(retry\.)?|vhost\..*\.)upstream_rq_(completed|\d|total|timeout)/,
  cases: NAMES.flatMap(askedOf),
});
