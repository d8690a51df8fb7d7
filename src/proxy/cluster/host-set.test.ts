import { expect, test } from 'vitest';
import type { EndpointConfig } from '../config/cluster-types.ts';
import { endpoint } from '../testing/configs.ts';
import { hostOf } from '../testing/hosts.ts';
import type { Host } from './host.ts';
import { reconcile } from './host-set.ts';

const make = (config: EndpointConfig) => hostOf(config);
const names = (hosts: readonly Host[]) => hosts.map(({ port }) => port);
const labels = (mode: string) => ({ metadata: { 'envoy.transport_socket_match': { mode } } });

test('who stays is the same, wherever it is and whatever it weighs', () => {
  const before = [make(endpoint(1)), make(endpoint(2))];
  const change = { weight: 7, priority: 2, locality: 'r/z', health: 'degraded', hostname: 'h' } as const;
  const { hosts, added, removed } = reconcile(before, [endpoint(3), endpoint(1, change)], false, make);
  expect(hosts[1]).toBe(before[0]);
  expect(hosts[1]).toMatchObject({ weight: 7, priority: 2, locality: 'r/z', edsHealth: 'degraded', hostname: 'h' });
  expect([names(hosts), names(added), names(removed)]).toEqual([[3, 1], [3], [2]]);
});

test('another transport is another endpoint', () => {
  const before = [make(endpoint(1, labels('plain')))];
  const { added, removed } = reconcile(before, [endpoint(1, labels('tls'))], false, make);
  expect([names(added), names(removed)]).toEqual([[1], [1]]);
});

test.each([
  [true, [1, 1]],
  [false, [1]],
])('an address that occurs twice, duplicates %s', (duplicates, wants) => {
  const { hosts } = reconcile([], [endpoint(1), endpoint(1)], duplicates, make);
  expect(names(hosts)).toEqual(wants);
  const again = reconcile(hosts, [endpoint(1), endpoint(1)], duplicates, make);
  expect([again.added, again.removed]).toEqual([[], []]);
});
