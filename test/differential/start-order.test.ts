// In which order a proxy that starts asks for what it needs, and how long each step waits for the one before.
import type { JsonObject } from '@bufbuild/protobuf';
import { afterAll, expect, test } from 'vitest';
import { typeUrl } from '../../src/xds/resource.ts';
import { grpcCluster } from '../support/grpc-server.ts';
import { waitFor } from '../support/wait-for.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import { ScriptedControl } from './harness/scripted-control.ts';

/** Nothing that is waited for comes but clusters and listeners. */
const [answering, silent] = await Promise.all([ScriptedControl.start(), ScriptedControl.start()]);
afterAll(() => {
  answering.stop();
  silent.stop();
});

const TYPE = 'type.googleapis.com/envoy.extensions.filters';
const ads = (seconds: number): JsonObject => ({
  ads: {},
  resource_api_version: 'V3',
  initial_fetch_timeout: `${seconds}s`,
});

const late: JsonObject = {
  '@type': typeUrl.cluster,
  name: 'late',
  type: 'EDS',
  eds_cluster_config: { eds_config: ads(1) },
};
answering.say('cluster', late);
answering.say('listener', {
  '@type': typeUrl.listener,
  name: 'sent',
  address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
  filter_chains: [
    {
      filters: [
        {
          name: 'http',
          typed_config: {
            '@type': `${TYPE}.network.http_connection_manager.v3.HttpConnectionManager`,
            stat_prefix: 'sent',
            rds: { route_config_name: 'routes', config_source: ads(1) },
            http_filters: [{ name: 'router', typed_config: { '@type': `${TYPE}.http.router.v3.Router` } }],
          },
        },
      ],
    },
  ],
});

const STREAM = 'api_type: GRPC, transport_api_version: V3, grpc_services: [{ envoy_grpc: { cluster_name: control } }]';
const source = (seconds: number): string => `{ ads: {}, resource_api_version: V3, initial_fetch_timeout: ${seconds}s }`;
type Row = {
  readonly name: string;
  readonly control: ScriptedControl;
  /** What is asked for, in order, and the least milliseconds after what was asked before: well below the time-outs, which begin before a request is written. */
  readonly wants: readonly (readonly [line: string, after: number])[];
};

const rows: readonly Row[] = [
  {
    name: 'each step waits for the one before until its time is over',
    control: answering,
    wants: [
      ['runtime values', 0],
      ['cluster', 500],
      ['endpoints late', 0],
      ['listener', 500],
      ['routes routes', 0],
    ],
  },
  {
    name: 'without any answer',
    control: silent,
    wants: [
      ['runtime values', 0],
      ['cluster', 500],
      ['listener', 500],
    ],
  },
];

for (const { name, control, wants } of rows) {
  compareWithEnvoy(
    {
      name: `start: ${name}`,
      bootstrap: `
        dynamic_resources: { ads_config: { ${STREAM} }, cds_config: ${source(1)}, lds_config: ${source(1)} }
        layered_runtime:
          layers:
          - { name: sent, rtds_layer: { name: values, rtds_config: ${source(1)} } }`,
      clusters: grpcCluster('control', control.port),
      virtualHosts: '[]',
      cases: [],
    },
    () => {
      test.each(['envoy', 'tulle'])('%s', async (client) => {
        const asked = await waitFor(`all that ${client} asks for`, () => {
          const first = control.askedBy(client).filter(({ line }) => !line.includes('ack'));
          return first.length >= wants.length && first;
        });
        expect(asked.map(({ line }) => line)).toEqual(wants.map(([line]) => line));
        const early = wants.filter(([, after], i) => i > 0 && asked[i]!.at - asked[i - 1]!.at < after);
        expect(early).toEqual([]);
      });
    },
  );
}
