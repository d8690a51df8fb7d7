import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { socket } from '../testing/resources.ts';
import { decoders } from './decoders.ts';

describe('endpoints', () => {
  const endpoints = (...groups: JsonObject[]) =>
    decoders.decodeEndpoints(fromJson(ClusterLoadAssignmentSchema, { cluster_name: 'c', endpoints: groups }));
  const one = (change: JsonObject = {}) => ({ endpoint: { address: socket() }, ...change });

  test('priorities and localities are those of their group', () => {
    const far = {
      locality: { region: 'r', zone: 'z' },
      priority: 1,
      lb_endpoints: [one({ load_balancing_weight: 3 })],
    };
    expect(endpoints({ lb_endpoints: [one()] }, far)).toEqual({
      name: 'c',
      endpoints: [
        { address: '127.0.0.1', port: 8080, weight: 1, healthy: true, locality: '', priority: 0, metadata: {} },
        { address: '127.0.0.1', port: 8080, weight: 3, healthy: true, locality: 'r/z', priority: 1, metadata: {} },
      ],
    });
  });

  test.each([
    ['UNKNOWN', true],
    ['HEALTHY', true],
    ['UNHEALTHY', false],
    ['DRAINING', false],
    ['TIMEOUT', false],
  ])('%s is healthy: %s', (health_status, healthy) => {
    expect(endpoints({ lb_endpoints: [one({ health_status })] }).endpoints[0]!.healthy).toBe(healthy);
  });

  test.each<[group: JsonObject, wants: string]>([
    [
      { lb_endpoints: [one(), one({ load_balancing_weight: 0 })] },
      'endpoints[0].lb_endpoints[1].load_balancing_weight: ',
    ],
    [{ lb_endpoints: [{}] }, 'endpoints[0].lb_endpoints[0]: has no endpoint'],
    [{ leds_cluster_locality_config: {} }, 'endpoints[0].leds_cluster_locality_config: is not supported'],
    [
      { lb_endpoints: [one({ health_status: 'DEGRADED' })] },
      'endpoints[0].lb_endpoints[0].health_status: is not supported',
    ],
  ])('refuses %j', (group, wants) => {
    expect(() => endpoints(group)).toThrow(wants);
  });
});
