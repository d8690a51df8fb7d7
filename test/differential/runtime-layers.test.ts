// Layers of the runtime that change: folders behind a link that is swapped, and values that a control plane sends.
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { JsonObject } from '@bufbuild/protobuf';
import { afterAll, expect, test } from 'vitest';
import { typeUrl } from '../../src/xds/resource.ts';
import { grpcCluster } from '../support/grpc-server.ts';
import { waitFor } from '../support/wait-for.ts';
import { get } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { observe } from './harness/observation.ts';
import { ScriptedControl } from './harness/scripted-control.ts';
import type { Stand } from './harness/stand.ts';

const control = await ScriptedControl.start();
afterAll(() => control.stop());

const sent = (layer: JsonObject, name = 'values'): JsonObject => ({ '@type': typeUrl.runtime, name, layer });
control.say('runtime', sent({ sent: 0, over: 7 }));

const STREAM = 'api_type: GRPC, transport_api_version: V3, grpc_services: [{ envoy_grpc: { cluster_name: control } }]';
const taken = (key: string): string => `
    - { match: { path: /${key}, runtime_fraction: { default_value: { numerator: 100 }, runtime_key: ${key} } }, direct_response: { status: 201 } }
    - { match: { path: /${key} }, direct_response: { status: 202 } }`;

compareWithEnvoy(
  {
    name: 'layers of the runtime',
    bootstrap: `
      dynamic_resources: { ads_config: { ${STREAM} } }
      layered_runtime:
        layers:
        - { name: fixed, static_layer: { over: 1, fixed: true } }
        - { name: files, disk_layer: { symlink_root: <folder>/current, subdirectory: values } }
        - { name: own, disk_layer: { symlink_root: <folder>/current, subdirectory: clusters, append_service_cluster: true } }
        - { name: sent, rtds_layer: { name: values, rtds_config: { ads: {}, resource_api_version: V3, initial_fetch_timeout: 1s } } }
        - { name: admin, admin_layer: {} }`,
    clusters: grpcCluster('control', control.port),
    virtualHosts: `
- name: all
  domains: ["*"]
  routes:
${['sent', 'filed'].map(taken).join('')}
`,
    cases: [{ name: 'sent before anybody is served', send: get('/sent'), wants: { status: 202 } }],
  },
  (pair) => {
    test('a link that is swapped leads to other values', async () => {
      await expectStatus(pair(), '/filed', 201);
      for (const stand of both(pair())) {
        write(stand, 'v1/values/filed', '# none of them\n0\n');
        write(stand, 'v1/values/deep/er/text', 'so so\n');
        write(stand, 'v1/clusters/differential/own', 'true');
        lead(stand, 'v1');
      }
      await expectStatus(pair(), '/filed', 202);
      await expectSame(pair(), ['fixed', 'files', 'own', 'sent', 'admin']);
      for (const stand of both(pair())) {
        write(stand, 'v2/values/filed', '{ numerator: 1000000, denominator: MILLION }');
        lead(stand, 'v2');
      }
      await expectStatus(pair(), '/filed', 201);
      await expectSame(pair(), ['fixed', 'files', 'sent', 'admin']);
    });

    test('values that are sent replace those before, and bad ones are refused', async () => {
      control.say('runtime', sent({ sent: 100 }));
      await expectStatus(pair(), '/sent', 201);
      control.say('runtime', sent({ sent: [1] }));
      await expectAsked('runtime values|runtime ack|runtime ack|runtime nack');
      await expectSame(pair(), ['fixed', 'files', 'sent', 'admin']);
      control.say('runtime');
      await expectAsked('runtime values|runtime ack|runtime ack|runtime nack|runtime ack');
      await expectSame(pair(), ['fixed', 'files', 'sent', 'admin']);
      control.say('runtime', sent({ sent: 0, tree: { leaf: 0.5 } }));
      await expectStatus(pair(), '/sent', 202);
      await expectSame(pair(), ['fixed', 'files', 'sent', 'admin']);
    });

    test('the admin interface has the last word', async () => {
      for (const stand of both(pair())) {
        await fetch(`http://127.0.0.1:${stand.portOf('admin')}/runtime_modify?sent=100&over=9`, { method: 'POST' });
      }
      await expectStatus(pair(), '/sent', 201);
      await expectSame(pair(), ['fixed', 'files', 'sent', 'admin']);
    });
  },
);

const both = ({ reference, ours }: Pair): readonly Stand[] => [reference, ours];

function write({ folder }: Stand, name: string, text: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

function lead({ folder }: Stand, to: string): void {
  symlinkSync(to, join(folder, 'next'));
  renameSync(join(folder, 'next'), join(folder, 'current'));
}

async function expectStatus(pair: Pair, path: string, status: number): Promise<void> {
  for (const stand of both(pair)) {
    await waitFor(`${path}: ${status} at ${stand.subject}`, async () => {
      const { responses } = await observe(stand, { name: path, send: get(path), wants: { status } }, 'asked');
      return responses[0]?.status === status;
    });
  }
}

async function expectAsked(lines: string): Promise<void> {
  for (const client of ['envoy', 'tulle']) {
    const asked = () =>
      control
        .askedBy(client)
        .map(({ line }) => line)
        .join('|');
    await waitFor(`${client} asks ${lines}`, () => asked() === lines);
  }
}

/** `/runtime`, and what is counted of it. */
async function expectSame(pair: Pair, layers: readonly string[]): Promise<void> {
  const [envoy, ours] = await Promise.all(both(pair).map(figures));
  expect(envoy!.runtime.layers).toEqual(layers);
  expect(ours).toEqual(envoy);
}

async function figures(stand: Stand): Promise<{ runtime: { layers: unknown }; statistics: readonly string[] }> {
  const ask = async (path: string) => (await fetch(`http://127.0.0.1:${stand.portOf('admin')}${path}`)).text();
  const statistics = (await ask('/stats?filter=^runtime'))
    .split('\n')
    .filter((line) => /load|num|dir|admin/.test(line));
  return { runtime: JSON.parse(await ask('/runtime')), statistics: statistics.sort() };
}
