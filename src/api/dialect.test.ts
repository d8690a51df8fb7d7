import { expect, test } from 'vitest';
import { dialectOf } from './dialect.ts';

test.each([
  ['v1', 'kubernetes'],
  ['apps/v1', 'kubernetes'],
  ['networking.k8s.io/v1', 'kubernetes'],
  ['networking.istio.io/v1', 'istio'],
  ['security.istio.io/v1beta1', 'istio'],
  ['gateway.networking.k8s.io/v1', 'gateway-api'],
  ['linkerd.io/v1alpha2', 'linkerd'],
  ['policy.linkerd.io/v1beta3', 'linkerd'],
  ['split.smi-spec.io/v1alpha4', 'smi'],
  ['notistio.io/v1', 'kubernetes'],
])('%s is %s', (apiVersion, dialect) => {
  expect(dialectOf(apiVersion)).toBe(dialect);
});
