import { afterEach, expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { SharedCounts } from '../../lib/shared-counts.ts';
import { anyEndpoint } from '../balance/balancer.ts';
import { unfit } from '../balance/health.ts';
import type { OutlierConfig } from '../config/cluster-types.ts';
import { adsSource } from '../config/config-source.ts';
import { plainAssignment } from '../config/endpoints.ts';
import { DataPlane } from '../data-plane.ts';
import { cluster, endpoint, outlierDetection } from '../testing/configs.ts';
import { silentLog } from '../testing/harness.ts';
import { type EvidenceNote, Judge, Witness } from './judgement.ts';

const kept: DataPlane[] = [];
afterEach(async () => {
  for (const dataPlane of kept.splice(0)) await dataPlane.close();
});

const JUDGE = 0;
const WITNESS = 1;
const SURE = { count: 4, enforcing: 100 };
const ACCRUAL = { maxFailures: 4, minPenalty: 1_000, maxPenalty: 60_000, jitterRatio: 0 };

/** Two threads in one, with four endpoints: one judges, one is a witness. */
function court(change: Partial<OutlierConfig> = {}) {
  const clock = new ManualClock();
  const memory = SharedCounts.allocate();
  const notes: EvidenceNote[] = [];
  const witness = new Witness(new SharedCounts(memory), (note) => {
    notes.push(note);
    judge.hear(note);
  });
  const makeJudge = () => {
    const made: Judge = new Judge({
      counts: new SharedCounts(memory),
      // A thread that is gone says nothing.
      report: (report) => made === judge && witness.hear(report),
      now: () => clock.now(),
    });
    return made;
  };
  const outlier = outlierDetection({ consecutive5xx: SURE, maxEjectionPercent: 50, baseEjection: 30_000, ...change });
  const set = (dataPlane: DataPlane, ports: readonly number[]) => {
    dataPlane.setEndpoints('up', plainAssignment(ports.map((port) => endpoint(port))));
    dataPlane.setCluster(
      cluster('up', [], {
        discovery: { kind: 'eds', serviceName: 'up', source: adsSource },
        outlierDetection: outlier,
      }),
    );
  };
  const start = (enter: Judge['enter']) => {
    const dataPlane = new DataPlane({ clock, random: () => 0, log: silentLog([]), judgement: enter });
    kept.push(dataPlane);
    set(dataPlane, [1, 2, 3, 4]);
    return dataPlane;
  };
  let judge = makeJudge();
  const threads = [start(judge.enter), start(witness.enter)];
  const clusterOf = (thread: number) => threads[thread]!.clusters()[0]!;
  return {
    clock,
    notes,
    clusterOf,
    /** Answers of an endpoint to a thread. */
    answer(thread: number, host: number, ...statuses: number[]) {
      for (const status of statuses) clusterOf(thread).observe(clusterOf(thread).hosts[host]!, status);
    },
    /** By thread: what it leaves out. */
    leftOut: () =>
      [JUDGE, WITNESS].map((thread) =>
        clusterOf(thread).hosts.flatMap((host, i) => (host.is(unfit.failedOutlierCheck) ? [i] : [])),
      ),
    setEndpoints: (ports: readonly number[]) => {
      for (const dataPlane of [...threads].reverse()) set(dataPlane, ports);
    },
    /** Another thread takes the judge's place. */
    async replaceJudge() {
      judge = makeJudge();
      await threads[JUDGE]!.close();
      for (const report of witness.reports()) judge.inherit(report);
      threads[JUDGE] = start(judge.enter);
    },
  };
}

test('failures in a row are of all threads together, and leave an endpoint out in all', () => {
  const { answer, leftOut, notes, clusterOf } = court();
  answer(JUDGE, 2, 500, 500);
  answer(WITNESS, 2, 500);
  expect([leftOut(), notes]).toEqual([[[], []], []]);
  answer(WITNESS, 2, 500);
  expect(leftOut()).toEqual([[2], [2]]);
  expect(notes).toHaveLength(1);
  const [judged, seen] = [JUDGE, WITNESS].map((thread) => clusterOf(thread).stats.outlier_detection);
  expect(judged).toMatchObject({ ejections_active: 1, ejections_enforced_consecutive_5xx: 1 });
  expect(seen).toMatchObject({ ejections_active: 0, ejections_enforced_total: 0 });
  expect(clusterOf(WITNESS).stats.membership_healthy).toBe(3);
});

test('a good answer in one thread ends the row of all', () => {
  const { answer, leftOut } = court();
  answer(JUDGE, 2, 500, 500, 500);
  answer(WITNESS, 2, 200, 500, 500, 500);
  expect(leftOut()).toEqual([[], []]);
});

test('no more are left out than by one thread', () => {
  const { answer, leftOut, clusterOf } = court();
  for (const host of [0, 1, 2, 3]) answer(host % 2, host, 500, 500, 500, 500);
  expect(leftOut()).toEqual([
    [0, 1],
    [0, 1],
  ]);
  expect(clusterOf(JUDGE).stats.outlier_detection.ejections_overflow).toBe(2);
});

test('it is back in all at the same time', () => {
  const { answer, leftOut, clock } = court();
  answer(WITNESS, 0, 500, 500, 500, 500);
  clock.advance(29_000);
  expect(leftOut()).toEqual([[0], [0]]);
  clock.advance(11_000);
  expect(leftOut()).toEqual([[], []]);
});

test('success rates are of what all have sent', () => {
  const successRate = { ...outlierDetection().successRate, minimumHosts: 4, stdevFactor: 1_000, requestVolume: 100 };
  const { answer, leftOut, clock } = court({ consecutive5xx: { count: 1_000, enforcing: 0 }, successRate });
  for (const thread of [JUDGE, WITNESS]) {
    for (const host of [0, 1, 2]) answer(thread, host, ...Array<number>(50).fill(200));
    answer(thread, 3, ...Array<number>(50).fill(thread === JUDGE ? 200 : 500));
  }
  expect(leftOut()).toEqual([[], []]);
  clock.advance(11_000);
  expect(leftOut()).toEqual([[3], [3]]);
});

test('an endpoint that went and came again begins anew, and is judged at once', () => {
  const { answer, leftOut, setEndpoints, clusterOf } = court();
  answer(WITNESS, 0, 500, 500, 500, 500);
  setEndpoints([2, 3, 4]);
  expect(clusterOf(JUDGE).stats.outlier_detection.ejections_active).toBe(0);
  setEndpoints([1, 2, 3, 4]);
  expect(leftOut()).toEqual([[], []]);
  answer(JUDGE, 0, 500, 500);
  answer(WITNESS, 0, 500, 500);
  expect(leftOut()).toEqual([[0], [0]]);
});

test('a new judge goes on where the old one was', async () => {
  const { answer, leftOut, clock, replaceJudge, clusterOf } = court();
  answer(WITNESS, 0, 500, 500, 500, 500);
  await replaceJudge();
  expect(leftOut()).toEqual([[0], [0]]);
  expect(clusterOf(JUDGE).stats.outlier_detection.ejections_active).toBe(1);
  clock.advance(41_000);
  expect(leftOut()).toEqual([[], []]);
});

test("Linkerd's circuit breaker opens for all, and lets one request of one thread try", () => {
  const quiet = { count: 1_000, enforcing: 0 };
  const { answer, leftOut, clock, clusterOf } = court({ consecutive5xx: quiet, accrual: ACCRUAL });
  answer(JUDGE, 0, 500, 500);
  answer(WITNESS, 0, 500, 500);
  expect(leftOut()).toEqual([[0], [0]]);
  clock.advance(1_100);
  expect(leftOut()).toEqual([[], []]);
  const trial = [WITNESS, JUDGE].map((thread) => clusterOf(thread).hosts[0]!.accrual!.onPicked());
  expect([trial, leftOut()]).toEqual([
    [true, true],
    [[0], [0]],
  ]);
  answer(WITNESS, 0, 500);
  clock.advance(1_900);
  expect(leftOut()).toEqual([[0], [0]]);
  clock.advance(200);
  expect(leftOut()).toEqual([[], []]);
  clusterOf(JUDGE).hosts[0]!.accrual!.onPicked();
  answer(JUDGE, 0, 200);
  expect(leftOut()).toEqual([[], []]);
  expect(clusterOf(WITNESS).hosts[0]!.accrual!.state).toBe('closed');
});

test('of two threads that pick at the same moment one has the request on probation, and the other picks again', () => {
  const counts = SharedCounts.allocate();
  const late: (() => void)[] = [];
  const clock = new ManualClock();
  const judge = new Judge({
    counts: new SharedCounts(counts),
    report: (report) => witness.hear(report),
    now: () => clock.now(),
  });
  const witness = new Witness(new SharedCounts(counts), (note) => late.push(() => judge.hear(note)));
  const [judged, followed] = [judge, witness].map(({ enter }) => {
    const dataPlane = new DataPlane({ clock, random: () => 0, log: silentLog([]), judgement: enter });
    kept.push(dataPlane);
    dataPlane.setEndpoints('up', plainAssignment([endpoint(1), endpoint(2)]));
    dataPlane.setCluster(
      cluster('up', [], {
        discovery: { kind: 'eds', serviceName: 'up', source: adsSource },
        outlierDetection: outlierDetection({ accrual: ACCRUAL }),
      }),
    );
    return dataPlane.clusters()[0]!;
  });
  for (let i = 0; i < 4; i++) judged!.observe(judged!.hosts[0]!, 500);
  clock.advance(1_100);
  expect(followed!.hosts[0]!.accrual!.onPicked()).toBe(true);
  expect(judged!.hosts[0]!.accrual!.state).toBe('probation');
  const picks = [1, 2, 3].map(() => judged!.pick({ ...anyEndpoint, now: 0 })?.name);
  expect(new Set(picks)).toEqual(new Set([judged!.hosts[1]!.name]));
  for (const tell of late) tell();
  expect(judged!.hosts[0]!.accrual!.state).toBe('probing');
});
