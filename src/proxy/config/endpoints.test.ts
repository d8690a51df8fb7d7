import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { endpoint } from '../testing/configs.ts';
import { socket } from '../testing/resources.ts';
import { decoders } from './decoders.ts';
import { plainAssignment } from './endpoints.ts';

describe('endpoints', () => {
  const endpoints = (...groups: JsonObject[]) =>
    decoders.decodeEndpoints(fromJson(ClusterLoadAssignmentSchema, { cluster_name: 'c', endpoints: groups }));
  const assignment = (json: JsonObject) =>
    decoders.decodeEndpoints(fromJson(ClusterLoadAssignmentSchema, { cluster_name: 'c', ...json })).assignment;
  const plain = endpoint(8080);
  const one = (change: JsonObject = {}) => ({ endpoint: { address: socket() }, ...change });

  test('priorities and localities are those of their group', () => {
    const far = {
      locality: { region: 'r', zone: 'z' },
      priority: 1,
      lb_endpoints: [one({ load_balancing_weight: 3 })],
    };
    expect(endpoints({ lb_endpoints: [one()] }, far)).toEqual({
      name: 'c',
      assignment: plainAssignment([plain, { ...plain, weight: 3, locality: 'r/z', priority: 1 }]),
    });
  });

  test.each([
    ['UNKNOWN', 'unknown'],
    ['HEALTHY', 'healthy'],
    ['UNHEALTHY', 'unhealthy'],
    ['DRAINING', 'draining'],
    ['TIMEOUT', 'timeout'],
    ['DEGRADED', 'degraded'],
  ])('%s is %s', (health_status, health) => {
    expect(endpoints({ lb_endpoints: [one({ health_status })] }).assignment.endpoints[0]!.health).toBe(health);
  });

  test('what holds for all of them', () => {
    const weighted = { locality: { region: 'r' }, load_balancing_weight: 2, lb_endpoints: [] };
    const policy = {
      overprovisioning_factor: 100,
      weighted_priority_health: true,
      endpoint_stale_after: '3s',
      drop_overloads: [{ category: 'c', drop_percentage: { numerator: 25 } }],
    };
    expect(assignment({ endpoints: [weighted], policy })).toEqual({
      endpoints: [],
      overprovisioning: 100,
      weightedHealth: true,
      localityWeights: [{ priority: 0, locality: 'r', weight: 2 }],
      drops: [{ category: 'c', share: 0.25 }],
      staleAfter: 3000,
    });
  });

  test('endpoints by name, with more addresses and checks of their own', () => {
    const a = {
      address: socket(),
      hostname: 'h',
      additional_addresses: [{ address: socket(9) }],
      health_check_config: { port_value: 7, hostname: 'check', disable_active_health_check: true },
    };
    const named = { named_endpoints: { a }, endpoints: [{ lb_endpoints: [{ endpoint_name: 'a' }] }] };
    expect(assignment(named).endpoints).toEqual([
      {
        ...plain,
        hostname: 'h',
        moreAddresses: [{ address: '127.0.0.1', port: 9 }],
        check: { address: '', port: 7, hostname: 'check', disabled: true },
      },
    ]);
  });

  test.each<[group: JsonObject, wants: string]>([
    [
      { lb_endpoints: [one(), one({ load_balancing_weight: 0 })] },
      'endpoints[0].lb_endpoints[1].load_balancing_weight: ',
    ],
    [{ lb_endpoints: [{}] }, 'endpoints[0].lb_endpoints[0]: has no endpoint'],
    [{ leds_cluster_locality_config: {} }, 'endpoints[0].leds_cluster_locality_config: is not supported'],
    [{ lb_endpoints: [{ endpoint_name: 'b' }] }, 'endpoints[0].lb_endpoints[0].endpoint_name: no endpoint named b'],
    [{ load_balancing_weight: 0 }, 'endpoints[0].load_balancing_weight: must be more than 0'],
  ])('refuses %j', (group, wants) => {
    expect(() => endpoints(group)).toThrow(wants);
  });
});
