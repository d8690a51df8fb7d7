// Endpoints that the control plane describes anew: it is heeded at once, whatever `update_merge_window` says.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { RawConnection } from '../support/raw-http.ts';
import { waitFor } from '../support/wait-for.ts';
import { get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import type { Stand } from './harness/stand.ts';

const cluster = (name: string, window: string): string =>
  `{ name: ${name}, type: EDS, connect_timeout: 1s, common_lb_config: { update_merge_window: ${window}, healthy_panic_threshold: { value: 0 } }, eds_cluster_config: { eds_config: { path_config_source: { path: <folder>/${name}.json }, initial_fetch_timeout: 0.01s } } }`;

/** Endpoints by name with what is said of their health. */
type Members = Readonly<Record<string, 'HEALTHY' | 'UNHEALTHY'>>;

compareWithEnvoy(
  {
    name: 'endpoint updates',
    virtualHosts: `[{ name: all, domains: ["*"], routes: [{ match: { path: /merged }, route: { cluster: merged } }, { match: { path: /apart }, route: { cluster: apart } }] }]`,
    clusters: `[${cluster('merged', '3600s')}, ${cluster('apart', '0s')}]`,
    files: { 'merged.json': '{}', 'apart.json': '{}' },
    cases: [],
  },
  (pair) => {
    const both = () => [pair().reference, pair().ours] as const;
    const all = (work: (stand: Stand) => Promise<unknown>) => Promise.all(both().map(work));

    test.each(['merged', 'apart'])('%s: each update is heeded at once', async (name) => {
      await all((stand) => update(stand, name, { a: 'HEALTHY', b: 'HEALTHY' }, 'ab'));
      await all((stand) => update(stand, name, { a: 'HEALTHY', b: 'UNHEALTHY' }, 'a'));
      await all((stand) => update(stand, name, { a: 'UNHEALTHY', b: 'HEALTHY' }, 'b'));
      await all((stand) => update(stand, name, { a: 'UNHEALTHY', b: 'HEALTHY', c: 'HEALTHY' }, 'bc'));
    });
  },
);

async function update(stand: Stand, name: string, members: Members, wants: string): Promise<void> {
  place(stand, name, members);
  await waitFor(`${wants} of ${name} (${stand.subject})`, async () => (await reached(stand, name)) === wants);
}

function place(stand: Stand, name: string, members: Members): void {
  const lb_endpoints = Object.entries(members).map(([upstream, health_status]) => ({
    health_status,
    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: stand.portOf(upstream) } } },
  }));
  const type = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';
  const resources = [{ '@type': type, cluster_name: name, endpoints: [{ lb_endpoints }] }];
  writeFileSync(join(stand.folder, 'next.json'), JSON.stringify({ resources }));
  renameSync(join(stand.folder, 'next.json'), join(stand.folder, `${name}.json`));
}

/** Names of the upstreams that six requests reach. */
async function reached(stand: Stand, name: string): Promise<string> {
  for (const upstream of stand.upstreams) upstream.script();
  using connection = await RawConnection.open(stand.portOf('front'));
  const found = new Set<string>();
  for (let i = 0; i < 6; i += 1) {
    connection.send(get(`/${name}`));
    const { status, body } = await connection.response();
    if (status === 200) found.add(body);
  }
  return [...found].sort().join('');
}
