import { setImmediate } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack, DurationSchema } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { ClientType, clientDelta, clientSotw, type Rejection } from './client-type.ts';
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
  expect([...parsed.ttls]).toEqual([['beats', 5_000]]);
});

/** A type of clusters whose updates settle when they are told to. */
function waiting() {
  const begun: {
    readonly names: readonly string[];
    readonly removed: readonly string[];
    settle(refused: string[]): void;
  }[] = [];
  const type = new ClientType(typeUrl.cluster, new Set(['*']), ({ added, removed }) => {
    const { promise, resolve } = Promise.withResolvers<readonly Rejection[]>();
    const settle = (refused: string[]) => resolve(refused.map((name) => ({ name, detail: 'no' })));
    begun.push({ names: added.map(({ name }) => name), removed, settle });
    return promise;
  });
  const apply = (resources: Readonly<Record<string, string>>) => {
    type.received += 1;
    const received = Object.entries(resources).map(([name, version]) => ({
      ...{ name, version, bytes: new Uint8Array(), aliases: [] },
    }));
    const response = {
      nonce: '',
      version: '',
      unchanged: [],
      ttls: new Map(),
      removed: null,
      typeUrl: typeUrl.cluster,
    };
    return type.apply({ ...response, resources: received });
  };
  return { type, apply, begun };
}

test('a response begins while an earlier one waits, and takes its place', async () => {
  const { type, apply, begun } = waiting();
  const first = apply({ stuck: '1', other: '1' });
  const second = apply({ other: '2' });
  expect(begun.map(({ names, removed }) => [names, removed])).toEqual([
    [['stuck', 'other'], []],
    [['other'], ['stuck']],
  ]);
  begun[1]?.settle([]);
  expect(await second).toEqual([]);
  begun[0]?.settle([]);
  expect(await first).toEqual([]);
  expect([...type.known]).toEqual([['other', '2']]);
});

test('what is on its way is not begun again, and is part of what is answered', async () => {
  const { type, apply, begun } = waiting();
  const first = apply({ a: '1' });
  const second = apply({ a: '1', b: '1' });
  expect(begun.map(({ names }) => names)).toEqual([['a'], ['b']]);
  let told = false;
  void second.then(() => {
    told = true;
  });
  begun[1]?.settle([]);
  await setImmediate();
  expect(told).toBe(false);
  begun[0]?.settle(['a']);
  expect(await first).toEqual([{ name: 'a', detail: 'no' }]);
  expect(await second).toEqual([{ name: 'a', detail: 'no' }]);
  expect([...type.known.keys()]).toEqual(['b']);
});

test('a fault of ours refuses the update and keeps what there was', async () => {
  const type = new ClientType(typeUrl.cluster, new Set(['*']), () => {
    throw new Error('oops');
  });
  const resources = [{ name: 'a', version: '1', bytes: new Uint8Array(), aliases: [] }];
  const response = {
    nonce: '',
    version: '',
    resources,
    unchanged: [],
    ttls: new Map(),
    removed: null,
    typeUrl: typeUrl.cluster,
  };
  expect(await type.apply(response)).toEqual([{ name: 'a', detail: 'internal fault: oops' }]);
  expect(type.known.size).toBe(0);
});

test('what expires is removed, once, where it is known', async () => {
  const { type, apply, begun } = waiting();
  const applied = apply({ a: '1' });
  begun[0]?.settle([]);
  await applied;
  void type.expire('a');
  void type.expire('a');
  void type.expire('unknown');
  expect(begun.slice(1).map(({ names, removed }) => [names, removed])).toEqual([[[], ['a']]]);
  expect(type.known.size).toBe(0);
});
