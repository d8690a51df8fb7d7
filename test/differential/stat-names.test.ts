// What clusters and listeners are called in statistics and logs, where that is not their name.
import { get, type Suite } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const cluster = (name: string, upstream: string): string => `
- name: ${name}
  alt_stat_name: "shop:http"
  type: STATIC
  connect_timeout: 1s
  load_assignment:
    cluster_name: ${name}
    endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: <${upstream}>}}}}]}]
`;
const names = `[{append_action: OVERWRITE_IF_EXISTS_OR_ADD, header: {key: x-names, value: '%UPSTREAM_CLUSTER% %UPSTREAM_CLUSTER_RAW%'}}]`;

const suite: Suite = {
  name: 'names of statistics',
  listeners: { front: { listener: 'stat_prefix: "edge:http"' } },
  clusters: cluster('one', 'a') + cluster('two', 'b'),
  virtualHosts: `
- name: all
  domains: ['*']
  response_headers_to_add: ${names}
  routes:
  - {match: {prefix: /one}, route: {cluster: one}}
  - {match: {prefix: /}, route: {cluster: two}}
`,
  // What is, as `membership_total`, is added up by ours, and is that of one of them in Envoy.
  statistics:
    /^(?:cluster\.shop_http\.upstream_(?:rq_(?:total|200|2xx)|cx_total)|listener\.edge[^.]*\.downstream_cx_total)$/,
  cases: [
    {
      name: 'one',
      send: get('/one'),
      wants: { status: 200, reached: ['a'], headers: { 'x-names': 'shop:http one' } },
    },
    {
      name: 'the other, counted with it',
      send: [get('/two'), get('/two')],
      wants: { status: [200, 200], headers: { 'x-names': 'shop:http two' } },
    },
  ],
};

compareWithEnvoy(suite);
