// Resources with a time to live are gone when nobody renews them.
import type { JsonObject } from '@bufbuild/protobuf';
import { afterAll, expect, test } from 'vitest';
import { typeUrl } from '../../src/xds/resource.ts';
import { grpcCluster } from '../support/grpc-server.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Case, get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import { observe } from './harness/observation.ts';
import { ScriptedControl } from './harness/scripted-control.ts';

const control = await ScriptedControl.start();
afterAll(() => control.stop());

/** Without endpoints: its requests are answered otherwise than those of a cluster that does not exist. */
const cluster = (name: string, ttl?: string): JsonObject => ({
  '@type': 'type.googleapis.com/envoy.service.discovery.v3.Resource',
  name,
  ...(ttl !== undefined && { ttl }),
  resource: { '@type': typeUrl.cluster, name, type: 'STATIC', load_assignment: { cluster_name: name } },
});
const lasting = cluster('lasting');
control.say('cluster', lasting);

const ask = (name: string): Case => ({ name, send: get('/', `x-cluster: ${name}`), wants: { status: 503 } });

compareWithEnvoy(
  {
    name: 'time to live',
    bootstrap: `dynamic_resources: {
      ads_config: { api_type: GRPC, transport_api_version: V3, grpc_services: [{ envoy_grpc: { cluster_name: control } }] },
      cds_config: { ads: {}, resource_api_version: V3 } }`,
    clusters: grpcCluster('control', control.port),
    virtualHosts:
      '[{ name: all, domains: ["*"], routes: [{ match: { prefix: / }, route: { cluster_header: x-cluster } }] }]',
    cases: [],
  },
  (pair) => {
    test('what is not renewed is gone, and comes back when it is sent again', async () => {
      const bodyOf = async (stand: ReturnType<typeof pair>['ours'], name: string) =>
        (await observe(stand, ask(name), 'asked')).responses[0]?.body;
      for (const stand of [pair().reference, pair().ours]) {
        const until = (name: string, is: boolean) =>
          waitFor(
            `${name}: ${is} at ${stand.subject}`,
            async () => ((await bodyOf(stand, name)) === HEALTHLESS) === is,
          );
        control.say('cluster', lasting, cluster('brief', '1s'));
        await until('brief', true);
        await until('brief', false);
        control.say('cluster', lasting, cluster('brief'));
        await until('brief', true);
        expect(await bodyOf(stand, 'lasting')).toBe(HEALTHLESS);
        control.say('cluster', lasting);
        await until('brief', false);
      }
    });
  },
);

const HEALTHLESS = 'no healthy upstream';
