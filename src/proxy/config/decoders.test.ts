import { readdirSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { meshCases, planCase } from '../../../test/support/mesh-case.ts';
import { encodePlan } from '../../encode/plan.ts';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { typeUrl } from '../../xds/resource.ts';
import { decoders } from './decoders.ts';

test('a field of a newer protocol is refused', () => {
  const message = fromBinary(ClusterSchema, Uint8Array.of(0x0a, 0x01, 0x63, 0xf8, 0x3f, 0x01));
  expect(() => decoders.decodeCluster(message)).toThrow('unknown field number 1023');
});

test.each(readdirSync(meshCases).sort())('everything that is encoded for %s is decoded', (name) => {
  let count = 0;
  for (const plan of planCase(name).plans.filter(({ proxy }) => proxy.kind !== 'proxyless')) {
    const { resources } = encodePlan(plan);
    const each = (type: (typeof typeUrl)[keyof typeof typeUrl], decode: (bytes: Uint8Array) => unknown) => {
      for (const { bytes } of (resources.get(type) ?? new Map()).values()) {
        decode(bytes);
        count += 1;
      }
    };
    each(typeUrl.listener, (bytes) => decoders.decodeListener(fromBinary(ListenerSchema, bytes)));
    each(typeUrl.cluster, (bytes) => decoders.decodeCluster(fromBinary(ClusterSchema, bytes)));
    each(typeUrl.endpoints, (bytes) => decoders.decodeEndpoints(fromBinary(ClusterLoadAssignmentSchema, bytes)));
    each(typeUrl.routes, (bytes) => decoders.decodeRoutes(fromBinary(RouteConfigurationSchema, bytes)));
  }
  expect(count).toBeGreaterThan(0);
});
