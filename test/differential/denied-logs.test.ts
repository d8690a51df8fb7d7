// What is said of a request that a filter answers: of the cluster it would have gone to, and with whose edits.
import { expect, test } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { type Case, get } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';

const FILTER = 'type.googleapis.com/envoy.extensions.filters.http';
const LOG = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';
const CLUSTER = '%UPSTREAM_CLUSTER% %UPSTREAM_CLUSTER_RAW% %CEL(xds.cluster_name)% %METADATA(CLUSTER:ns:k)%';

const denied = (path: string): Case => ({
  name: `${path}, denied`,
  send: get(path, 'x-deny: 1'),
  wants: { status: 403, reached: [] },
});
const passed = (path: string, status: number): Case => ({ name: path, send: get(path), wants: { status } });

compareWithEnvoy(
  {
    name: 'denied',
    listeners: {
      front: {
        manager: `access_log: [{ name: f, typed_config: { "@type": ${LOG}, path: "<folder>/access.log", log_format: { text_format_source: { inline_string: "%REQ(X-CASE)% %RESPONSE_CODE% %RESPONSE_FLAGS% ${CLUSTER} %REQ(X-AHEAD)%\\n" } } } }]`,
        filters: `[
  { name: ahead, typed_config: { "@type": ${FILTER}.header_mutation.v3.HeaderMutation, mutations: { request_mutations: [{ append: { header: { key: x-ahead, value: "%UPSTREAM_CLUSTER_RAW%" } } }] } } },
  { name: deny, typed_config: { "@type": ${FILTER}.rbac.v3.RBAC, rules: { action: DENY, policies: { p: { permissions: [{ header: { name: x-deny } }], principals: [{ any: true }] } } } } }]`,
      },
    },
    clusters: `[{ name: noted, alt_stat_name: alt, type: STATIC, connect_timeout: 1s, metadata: { filter_metadata: { ns: { k: v } } }, load_assignment: { cluster_name: noted, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <a> } } } }] }] } }]`,
    routeConfiguration: 'validate_clusters: false',
    virtualHosts: `
- name: all
  domains: ["*"]
  response_headers_to_add: [{ header: { key: x-shown, value: "${CLUSTER}" } }]
  routes:
    - { match: { prefix: /direct }, direct_response: { status: 204 } }
    - { match: { prefix: /moved }, redirect: { path_redirect: /x } }
    - { match: { prefix: /none }, route: { cluster: nobody } }
    - { match: { prefix: /empty }, route: { cluster: empty } }
    - { match: { prefix: /weighted }, route: { weighted_clusters: { clusters: [{ name: noted, weight: 1, response_headers_to_add: [{ header: { key: x-of, value: noted } }] }] } } }
    - { match: { prefix: / }, route: { cluster: noted } }
`,
    cases: [
      passed('/direct', 204),
      passed('/moved', 301),
      passed('/none', 503),
      passed('/empty', 503),
      passed('/x', 200),
      ...['/direct', '/moved', '/none', '/empty', '/weighted', '/x'].map(denied),
    ],
  },
  (pair) => {
    test('the lines of the log', async () => {
      const [theirs, mine] = await Promise.all([pair().reference, pair().ours].map(lines));
      expect(mine).toEqual(theirs);
    });
  },
);

/** Whether the cluster exists is known to our proxy only once the request goes there: before that it has its name in any case. */
async function lines(stand: Pair['ours']): Promise<readonly string[]> {
  const all = await waitFor(`log of ${stand.subject}`, () => stand.accessLog().length === 11 && stand.accessLog());
  return all.map((line) => line.replace(/ nobody$/, ' -'));
}
