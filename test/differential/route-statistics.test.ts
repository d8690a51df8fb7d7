// What is counted of routes with a stat_prefix and of virtual clusters, beside the cluster's statistics.
import { raw, respond } from '../support/upstream.ts';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const RETRIED = 'retry_policy: { retry_on: 5xx, num_retries: 2, retry_back_off: { base_interval: 0.001s } }';

const virtualHosts = `
- name: counted.host
  domains: [counted.test]
  virtual_clusters:
    - { name: reads, headers: [{ name: ":method", string_match: { exact: GET } }, { name: ":path", string_match: { prefix: /r } }] }
    - { name: "writes:1", headers: [{ name: ":method", string_match: { exact: POST } }] }
  routes:
    - { match: { prefix: /read }, stat_prefix: own.prefix, route: { cluster: a, prefix_rewrite: /other, ${RETRIED} } }
    - { match: { prefix: /late }, stat_prefix: late, route: { cluster: a, timeout: 0.05s } }
    - { match: { prefix: /down }, stat_prefix: down, route: { cluster: refused, ${RETRIED} } }
    - { match: { prefix: /empty }, stat_prefix: empty, route: { cluster: empty } }
    - { match: { prefix: /lost }, stat_prefix: lost, route: { cluster: lost } }
    - { match: { prefix: /answered }, stat_prefix: answered, direct_response: { status: 200 } }
    - { match: { prefix: /nowhere }, stat_prefix: nowhere, non_forwarding_action: {} }
    - { match: { prefix: / }, route: { cluster: b } }
- name: plain
  domains: ["*"]
  routes:
    - { match: { prefix: /own }, stat_prefix: alone, route: { cluster: a } }
    - { match: { prefix: / }, route: { cluster: b } }
`;

const counted = (name: string, method: string, path: string, wants: Case['wants'], script?: Case['script']): Case => ({
  name,
  send: request(method, path, { host: 'counted.test' }),
  wants,
  ...(script === undefined ? {} : { script }),
});

compareWithEnvoy({
  name: 'route statistics',
  virtualHosts,
  routeConfiguration: 'validate_clusters: false',
  statistics: /^vhost\./,
  cases: [
    counted('a read', 'GET', '/read', { status: 200 }),
    counted('a write', 'POST', '/write', { status: 200 }),
    counted('something else', 'GET', '/else', { status: 200 }),
    counted('not found', 'GET', '/read', { status: 404 }, { a: [respond({ status: 404 })] }),
    counted('retried', 'GET', '/read', { status: 200 }, { a: [respond({ status: 503 }), respond({ status: 200 })] }),
    counted(
      'retried in vain',
      'GET',
      '/read',
      { status: 503 },
      { a: [respond({ status: 503 }), respond({ status: 503 }), respond({ status: 503 })] },
    ),
    counted('too late', 'GET', '/late', { status: 504 }, { a: [raw('', 'hang')] }),
    counted('nobody listens', 'GET', '/down', { status: 503 }),
    counted('no endpoint', 'GET', '/empty', { status: 503 }),
    counted('no cluster', 'GET', '/lost', { status: 503, flags: 'NC' }),
    counted('no upstream', 'GET', '/answered', { status: 200 }),
    counted('no forwarding', 'GET', '/nowhere', { status: 503, flags: 'NC', reached: [] }),
    { name: 'a prefix alone', send: get('/own'), wants: { status: 200 } },
    { name: 'nothing', send: get('/'), wants: { status: 200 } },
  ],
});
