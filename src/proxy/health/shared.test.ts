import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { adsSource } from '../config/config-source.ts';
import { plainAssignment } from '../config/endpoints.ts';
import { DataPlane } from '../data-plane.ts';
import { cluster, endpoint, healthCheck, httpProbe } from '../testing/configs.ts';
import { silentLog } from '../testing/harness.ts';
import { type Origin, startOrigin } from '../testing/origin.ts';
import { CheckingHealth, FollowedHealth, type HealthNote, type HealthReport } from './shared.ts';

const kept: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of kept.splice(0)) await one.close();
});

const check = healthCheck(httpProbe, 20);
const eds = { discovery: { kind: 'eds', serviceName: 'up', source: adsSource }, healthChecks: [check] } as const;

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';
let answer = OK;

async function startUpstream(): Promise<Origin> {
  const up = await startOrigin((socket) => void socket.write(answer, 'latin1'));
  kept.push(up);
  return up;
}

/** Two threads in one: one checks, one follows. */
function pair() {
  answer = OK;
  const notes: HealthNote[] = [];
  const reports: HealthReport[] = [];
  const following = new FollowedHealth((note) => {
    notes.push(note);
    checking.hear(note);
  });
  const checking = new CheckingHealth((report) => {
    reports.push(report);
    following.hear(report);
  });
  const [first, second] = [checking, following].map(({ watch }) => {
    const dataPlane = new DataPlane({
      clock: systemClock,
      random: () => 0.5,
      log: silentLog([]),
      watchHealth: watch,
    });
    kept.push(dataPlane);
    return dataPlane;
  });
  const set = (ports: readonly number[]) => {
    for (const dataPlane of [first!, second!]) {
      dataPlane.setEndpoints('up', plainAssignment(ports.map((port) => endpoint(port))));
      dataPlane.setCluster(cluster('up', [], eds));
    }
  };
  const healthy = () => [first!, second!].map((dataPlane) => dataPlane.clusters()[0]!.stats.membership_healthy);
  return { notes, reports, following, first: first!, second: second!, set, healthy };
}

test('both judge alike, and the endpoint is asked by one', async () => {
  const up = await startUpstream();
  const { set, healthy, second } = pair();
  set([up.port]);
  expect(healthy()).toEqual([0, 0]);
  await expect.poll(healthy).toEqual([1, 1]);
  answer = OK.replace('200', '503');
  await expect.poll(healthy).toEqual([0, 0]);
  answer = OK;
  await expect.poll(healthy).toEqual([1, 1]);
  expect(up.connections()).toBe(1);
  expect(second.clusters()[0]!.stats.health_check.attempt).toBe(0);
});

test('an endpoint that comes after its report is judged by it', async () => {
  const up = await startUpstream();
  const { set, first, second, following, healthy } = pair();
  set([]);
  first.setEndpoints('up', plainAssignment([endpoint(up.port)]));
  await expect.poll(() => following.reports()).toHaveLength(1);
  second.setEndpoints('up', plainAssignment([endpoint(up.port)]));
  await expect.poll(healthy).toEqual([1, 1]);
  for (const dataPlane of [first, second]) dataPlane.setEndpoints('up', plainAssignment([]));
  answer = OK.replace('200', '503');
  await expect.poll(() => [first, second].map((dataPlane) => dataPlane.clusters()[0]!.hosts.length)).toEqual([0, 0]);
  expect(following.reports()).toEqual([]);
});

test('an endpoint that fails itself towards the one that follows fails for both', async () => {
  const up = await startUpstream();
  const { set, healthy, second, notes, reports } = pair();
  set([up.port]);
  await expect.poll(healthy).toEqual([1, 1]);
  const host = second.clusters()[0]!.hosts[0]!;
  second.clusters()[0]!.failHealth(host);
  expect(notes).toEqual([{ kind: 'fail now', cluster: 'up', host: host.name }]);
  await expect.poll(() => reports.some(({ healthy: well }) => !well)).toBe(true);
});

test('the one that checks learns of connections of the other', async () => {
  const up = await startUpstream();
  const { set, healthy, second, notes, reports } = pair();
  set([up.port]);
  await expect.poll(healthy).toEqual([1, 1]);
  expect(notes).toEqual([]);
  second.clusters()[0]!.stats.upstream_cx_total += 1;
  await expect.poll(() => reports.at(-1)?.traffic).toBe(true);
  expect(notes[0]).toEqual({ kind: 'traffic', cluster: 'up' });
});
