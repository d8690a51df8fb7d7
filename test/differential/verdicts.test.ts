// Bootstraps that Envoy refuses to start with, and their neighbours that it takes: ours judges them alike.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readBootstrap } from '../../src/proxy/bootstrap/bootstrap.ts';
import { decoders } from '../../src/proxy/config/decoders.ts';
import { faultsOfStatic } from '../../src/proxy/discovery/validate.ts';
import { findEnvoy } from '../support/envoy.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters';
const TO_A = 'route: { cluster: a }';

type Fragment = { readonly action?: string; readonly routes?: string; readonly manager?: string };

function bootstrapOf({ action = TO_A, routes = '', manager = '' }: Fragment): string {
  return `
static_resources:
  clusters: [{ name: a, load_assignment: { cluster_name: a } }, { name: b, load_assignment: { cluster_name: b } }]
  listeners:
  - name: front
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: manager
        typed_config:
          '@type': ${TYPE}.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          ${manager}
          http_filters: [{ name: router, typed_config: { '@type': ${TYPE}.http.router.v3.Router } }]
          route_config:
            name: front
            ${routes}
            virtual_hosts: [{ name: all, domains: ['*'], routes: [{ match: { prefix: / }, ${action} }] }]
`;
}

/** `verdict`: refused for what our fault must name, or taken. */
const row = (name: string, verdict: string, fragment: Fragment) => ({ name, verdict, fragment });
const mirrored = (cluster: string) => `request_mirror_policies: [{ cluster: ${cluster} }]`;
const weighted = (...clusters: string[]) =>
  `route: { weighted_clusters: { clusters: [${clusters.map((one) => `{ ${one}, weight: 1 }`).join(', ')}] } }`;

const detecting = (xff: string) =>
  `original_ip_detection_extensions: [{ name: x, typed_config: { '@type': type.googleapis.com/envoy.extensions.http.original_ip_detection.xff.v3.XffConfig, ${xff} } }]`;

const rows = [
  row('a cluster that exists', 'taken', {}),
  row('a cluster that does not exist', 'route_config.virtual_hosts[0].routes[0].route.cluster: there is no cluster x', {
    action: 'route: { cluster: x }',
  }),
  row('a cluster that need not exist', 'taken', {
    action: 'route: { cluster: x }',
    routes: 'validate_clusters: false',
  }),
  row('weighted clusters', 'taken', { action: weighted('name: a', 'name: b') }),
  row('a weighted cluster that does not exist', 'weighted_clusters.clusters[1].name: there is no cluster x', {
    action: weighted('name: a', 'name: x'),
  }),
  row('a weighted cluster named by a header', 'taken', { action: weighted('name: a', 'cluster_header: x') }),
  row('a cluster named by a header', 'taken', { action: 'route: { cluster_header: x }' }),
  row('a mirror that exists', 'taken', { action: `route: { cluster: a, ${mirrored('b')} }` }),
  row('a mirror that does not exist', 'route.request_mirror_policies[0].cluster: there is no cluster x', {
    action: `route: { cluster: a, ${mirrored('x')} }`,
  }),
  row(
    'a mirror of all routes that does not exist',
    'route_config.request_mirror_policies[0].cluster: there is no cluster x',
    { routes: mirrored('x') },
  ),
  row('ports of hosts stripped in two ways', 'strip_any_host_port: is set beside strip_matching_host_port', {
    manager: 'strip_matching_host_port: true\n          strip_any_host_port: true',
  }),
  row('a scheme that is none of HTTP', 'scheme_to_overwrite: must be http or https', {
    manager: 'scheme_header_transformation: { scheme_to_overwrite: ftp }',
  }),
  row('detection of clients beside the address of the connection', 'is set beside use_remote_address', {
    manager: `use_remote_address: true\n          ${detecting('xff_num_trusted_hops: 1')}`,
  }),
  row('detection of clients beside trusted hops', 'is set beside xff_num_trusted_hops', {
    manager: `xff_num_trusted_hops: 1\n          ${detecting('xff_num_trusted_hops: 1')}`,
  }),
  row('hops beside ranges', 'xff_trusted_cidrs: is set beside xff_num_trusted_hops', {
    manager: detecting('xff_num_trusted_hops: 1, xff_trusted_cidrs: { cidrs: [{ address_prefix: 10.0.0.0 }] }'),
  }),
  row('early lines of logs in two forms', 'access_log_options: is set beside', {
    manager:
      'flush_access_log_on_new_request: true\n          access_log_options: { flush_access_log_on_new_request: true }',
  }),
  row('early lines of logs in the older form', 'taken', { manager: 'access_log_flush_interval: 1s' }),
  row('request ids', 'taken', {
    manager:
      "request_id_extension: { typed_config: { '@type': type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig, pack_trace_reason: false } }",
  }),
];

const envoy = findEnvoy();

describe.skipIf(envoy === null)('verdicts: as Envoy judges', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tulle-verdicts-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(rows)('$name', async ({ name, verdict, fragment }) => {
    const text = bootstrapOf(fragment);
    expect(await judgeEnvoy(join(folder, `${name}.yaml`), text), 'Envoy').toBe(verdict === 'taken');
    const faults = faultsOfStatic(await readBootstrap(text, 'b.yaml'), decoders);
    if (verdict === 'taken') expect(faults).toEqual([]);
    else expect(faults.join('\n')).toContain(verdict);
  });
});

async function judgeEnvoy(file: string, text: string): Promise<boolean> {
  writeFileSync(file, text);
  const args = ['--mode', 'validate', '--disable-hot-restart', '-l', 'off', '-c', file];
  return promisify(execFile)(envoy!, args).then(
    () => true,
    () => false,
  );
}
