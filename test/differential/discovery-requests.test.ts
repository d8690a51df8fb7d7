// How fast requests go to a control plane, and which of them say who asks.
import { afterAll, expect, test } from 'vitest';
import { grpcCluster } from '../support/grpc-server.ts';
import { waitFor } from '../support/wait-for.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import { ScriptedControl } from './harness/scripted-control.ts';

type Row = { readonly name: string; readonly fields: string; readonly nodes: number; readonly least: number };

const REQUESTS = ['cluster', 'cluster ack', 'listener', 'listener ack'];
/** `nodes`: of the requests, how many name theirs. `least`: milliseconds from the first to the last, well below what the rate says. */
const rows: readonly Row[] = [
  { name: 'each names its node', fields: '', nodes: REQUESTS.length, least: 0 },
  {
    name: 'two a second, the first names its node',
    fields: 'set_node_on_first_message_only: true, rate_limit_settings: { max_tokens: 1, fill_rate: 2 },',
    nodes: 1,
    least: 1_000,
  },
];

for (const { name, fields, nodes, least } of rows) {
  const control = await ScriptedControl.start();
  afterAll(() => control.stop());
  control.say('cluster');
  control.say('listener');
  compareWithEnvoy(
    {
      name: `requests: ${name}`,
      bootstrap: `dynamic_resources: {
        ads_config: { api_type: GRPC, transport_api_version: V3, ${fields} grpc_services: [{ envoy_grpc: { cluster_name: control } }] },
        cds_config: { ads: {}, resource_api_version: V3 },
        lds_config: { ads: {}, resource_api_version: V3 } }`,
      clusters: grpcCluster('control', control.port),
      virtualHosts: '[]',
      cases: [],
    },
    () => {
      test.each(['envoy', 'tulle'])('%s', async (client) => {
        const asked = await waitFor(`all requests of ${client}`, () => {
          const all = control.askedBy(client);
          return all.length >= REQUESTS.length && all;
        });
        expect(asked.map(({ line }) => line).sort()).toEqual(REQUESTS);
        expect(asked.filter(({ message }) => message.node !== undefined)).toHaveLength(nodes);
        expect(asked.at(-1)!.at - asked[0]!.at).toBeGreaterThanOrEqual(least);
      });
    },
  );
}
