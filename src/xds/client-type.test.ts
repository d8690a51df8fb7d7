import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack, DurationSchema } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { ClientType, clientDelta, clientSotw } from './client-type.ts';
import { ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.ts';
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
  ResourceSchema,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts';
import { typeUrl } from './resource.ts';

const ttl = create(DurationSchema, { seconds: 5n });
const any = (name: string) => anyPack(ClusterSchema, create(ClusterSchema, { name }));
const heartbeat = create(ResourceSchema, { name: 'beats', ttl });

test('resources of state-of-the-world responses may be wrapped; heartbeats keep what they name', () => {
  const wrapped = create(ResourceSchema, { name: 'wrapped', ttl, resource: any('wrapped') });
  const resources = [any('bare'), anyPack(ResourceSchema, wrapped), anyPack(ResourceSchema, heartbeat)];
  const response = create(DiscoveryResponseSchema, { typeUrl: typeUrl.cluster, versionInfo: '1', resources });
  const parsed = clientSotw.parse(toBinary(DiscoveryResponseSchema, response));
  expect(parsed.resources.map(({ name }) => name)).toEqual(['bare', 'wrapped']);

  const type = new ClientType(typeUrl.cluster, new Set(['*']), () => []);
  for (const name of ['beats', 'gone']) type.known.set(name, 'v');
  expect(type.difference(parsed).removed).toEqual(['gone']);
});

test('a heartbeat is no resource that does not exist', () => {
  const resources = [heartbeat, create(ResourceSchema, { name: 'none' })];
  const response = create(DeltaDiscoveryResponseSchema, { typeUrl: typeUrl.cluster, resources });
  const parsed = clientDelta.parse(toBinary(DeltaDiscoveryResponseSchema, response));
  expect([parsed.resources, parsed.removed, parsed.unchanged]).toEqual([[], ['none'], ['beats']]);
});
