import { setImmediate } from 'node:timers/promises';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { ManualClock } from '../lib/manual-clock.ts';
import { XdsClient } from './client.ts';
import type { UpdateHandler } from './client-type.ts';
import { ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.ts';
import { NodeSchema } from './gen/envoy/config/core/v3/base_pb.ts';
import {
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts';
import { typeUrl } from './resource.ts';

function start(handler: UpdateHandler) {
  const asked: DiscoveryRequest[] = [];
  let receive: (bytes: Uint8Array) => void = () => undefined;
  const client = new XdsClient({
    open: (_, { onMessage }) => {
      receive = onMessage;
      return { send: (bytes) => void asked.push(fromBinary(DiscoveryRequestSchema, bytes)), cancel: () => undefined };
    },
    service: 'ads',
    protocol: 'sotw',
    node: create(NodeSchema, { id: 'n' }),
    backoff: { next: () => 1, reset: () => undefined },
    clock: new ManualClock(),
  });
  client.subscribe(typeUrl.cluster, ['*'], handler);
  client.subscribe(typeUrl.endpoints, [], () => []);
  client.start();
  const respond = (nonce: string, ...names: string[]) => {
    const resources = names.map((name) => anyPack(ClusterSchema, create(ClusterSchema, { name })));
    const response = create(DiscoveryResponseSchema, {
      typeUrl: typeUrl.cluster,
      versionInfo: nonce,
      nonce,
      resources,
    });
    receive(toBinary(DiscoveryResponseSchema, response));
  };
  const said = () =>
    asked.splice(0).map((one) => [one.typeUrl.split('.').at(-1), one.resourceNames, one.responseNonce]);
  return { client, respond, said };
}

test('names that one update adds are asked for in one request', async () => {
  const { client, respond, said } = start(({ added }) => {
    for (let i = 1; i <= added.length; i++)
      client.setNames(
        typeUrl.endpoints,
        added.slice(0, i).map(({ name }) => name),
      );
    return [];
  });
  respond('1', 'a', 'b', 'c');
  await setImmediate();
  expect(said()).toEqual([
    ['Cluster', [], ''],
    ['ClusterLoadAssignment', ['a', 'b', 'c'], ''],
    ['Cluster', [], '1'],
  ]);
  client.setNames(typeUrl.endpoints, ['a']);
  client.setNames(typeUrl.endpoints, ['a', 'b', 'c']);
  await setImmediate();
  expect(said()).toEqual([]);
});

test('a response is answered though an earlier one still waits, which is not answered any more', async () => {
  const stuck = Promise.withResolvers<[]>();
  const { respond, said } = start(({ added }) => (added.some(({ name }) => name === 'stuck') ? stuck.promise : []));
  respond('1', 'stuck');
  respond('2', 'a');
  await setImmediate();
  expect(said()).toEqual([
    ['Cluster', [], ''],
    ['Cluster', [], '2'],
  ]);
  stuck.resolve([]);
  await setImmediate();
  expect(said()).toEqual([]);
});
