import type { JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { OverrideHostSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/override_host/v3/override_host_pb.ts';
import { RandomSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts';
import { cluster, packed } from '../testing/resources.ts';

const list = (typed_config: JsonObject) => ({ policies: [{ typed_extension_config: { name: 'p', typed_config } }] });
const fallback_policy = list(packed(RandomSchema, {}));
const named = (fields: JsonObject) => ({ load_balancing_policy: list(packed(OverrideHostSchema, fields)) });

test('endpoints that a header names', () => {
  const override_host_sources = [{ header: 'X-First' }, { header: 'x-second' }];
  expect(cluster(named({ override_host_sources, fallback_policy }))).toMatchObject({
    balancing: { kind: 'random' },
    overrideHeaders: ['x-first', 'x-second'],
  });
});

const path = 'load_balancing_policy.policies[0].typed_extension_config.typed_config';
test.each<[JsonObject, string]>([
  [{ fallback_policy }, `${path}.override_host_sources: is empty`],
  [{ override_host_sources: [{}], fallback_policy }, `${path}.override_host_sources[0].header: is empty`],
  [{ override_host_sources: [{ header: 'x' }] }, `${path}.fallback_policy: is required`],
  [
    { override_host_sources: [{ metadata: { key: 'k' } }], fallback_policy },
    `${path}.override_host_sources[0].metadata: is not supported`,
  ],
])('refuses %j', (message, wants) => {
  expect(() => cluster(named(message))).toThrow(wants);
});
