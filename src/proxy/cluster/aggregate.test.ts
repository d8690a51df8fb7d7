import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { anyEndpoint } from '../balance/balancer.ts';
import { unfit } from '../balance/health.ts';
import { adsSource } from '../config/config-source.ts';
import { plainAssignment } from '../config/endpoints.ts';
import { DataPlane } from '../data-plane.ts';
import { cluster, endpoint } from '../testing/configs.ts';
import { silentLog } from '../testing/harness.ts';

const request = { ...anyEndpoint, now: 0 };
const whole = cluster('whole', [], { discovery: { kind: 'aggregate', clusters: ['first', 'second'] } });
const eds = (name: string) => cluster(name, [], { discovery: { kind: 'eds', source: adsSource, serviceName: name } });

function start() {
  const dataPlane = new DataPlane({ clock: new ManualClock(), random: () => 0, log: silentLog([]) });
  dataPlane.setCluster(whole);
  const named = (name: string) => dataPlane.clusters().find(({ config }) => config.name === name)!;
  const picked = () => named('whole').pick(request)?.port ?? null;
  return { dataPlane, named, picked };
}

test('follows its members as they come, change and go', () => {
  const { dataPlane, named, picked } = start();
  expect(picked()).toBe(null);
  dataPlane.setCluster(cluster('second', [2]));
  expect(picked()).toBe(2);
  dataPlane.setCluster(eds('first'));
  expect(picked()).toBe(2);
  dataPlane.setEndpoints('first', plainAssignment([endpoint(1)]));
  expect(picked()).toBe(1);
  dataPlane.setEndpoints('first', plainAssignment([endpoint(1, { health: 'unhealthy' })]));
  expect(picked()).toBe(2);
  dataPlane.setEndpoints('first', plainAssignment([endpoint(3)]));
  expect(picked()).toBe(3);
  dataPlane.removeCluster('first');
  expect(picked()).toBe(2);
  dataPlane.removeCluster('second');
  expect(picked()).toBe(null);
  expect(named('whole').stats.upstream_cx_none_healthy).toBe(2);
});

test('hands out endpoints that belong to their own cluster', () => {
  const { dataPlane, named } = start();
  dataPlane.setCluster(cluster('first', [1]));
  expect(named('whole').pick(request)?.cluster).toBe(named('first'));
  expect(named('whole').hosts).toEqual([]);
});

test('takes the priorities of its members in order, and what is degraded last', () => {
  const { dataPlane, named, picked } = start();
  dataPlane.setCluster(eds('first'));
  const members = [endpoint(1), endpoint(2, { priority: 2 })];
  dataPlane.setEndpoints('first', plainAssignment(members));
  dataPlane.setCluster(cluster('second', [3]));
  const [one, two] = named('first').hosts;
  const mark = (host: typeof one, bits: number) => {
    host!.mark(bits);
    // As health checks do.
    dataPlane.setEndpoints('first', plainAssignment([...members]));
  };
  mark(one, unfit.failedOutlierCheck);
  expect(picked()).toBe(2);
  mark(two, unfit.degradedActiveCheck);
  expect(picked()).toBe(3);
  dataPlane.removeCluster('second');
  expect(picked()).toBe(2);
});
