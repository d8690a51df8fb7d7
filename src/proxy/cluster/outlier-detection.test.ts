import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { Counts } from '../../lib/shared-counts.ts';
import { unfit } from '../balance/health.ts';
import type { OutlierConfig } from '../config/cluster-types.ts';
import { endpoint, outlierDetection } from '../testing/configs.ts';
import { hostOf } from '../testing/hosts.ts';
import { OutlierDetection } from './outlier-detection.ts';
import { OutlierMonitor } from './outlier-monitor.ts';
import { OutlierStats } from './stats.ts';

const SURE = { count: 3, enforcing: 100 };

function make(change: Partial<OutlierConfig> = {}, count = 4, random: () => number = () => 0) {
  const clock = new ManualClock();
  const stats = new OutlierStats();
  const hosts = Array.from({ length: count }, (_, i) => hostOf(endpoint(i + 1)));
  for (const host of hosts) host.outlier = new OutlierMonitor(new Counts());
  const changes: string[] = [];
  const config = outlierDetection({ maxEjectionPercent: 50, consecutive5xx: SURE, ...change });
  const detection = new OutlierDetection(config, {
    hosts: () => hosts,
    stats,
    now: () => clock.now(),
    random,
    onChange: (host) => changes.push(host.name),
    log: null,
    tell: null,
  });
  const answer = (host: number, ...statuses: number[]) => {
    for (const status of statuses) detection.observe(hosts[host]!, status);
  };
  const later = (milliseconds: number) => {
    clock.advance(milliseconds);
    detection.sweep();
  };
  const ejected = () => hosts.flatMap((host, i) => (host.is(unfit.failedOutlierCheck) ? [i] : []));
  return { detection, stats, hosts, changes, answer, later, ejected };
}

describe('errors in a row', () => {
  test.each<[string, Partial<OutlierConfig>, number[], number[]]>([
    ['three of 5xx', {}, [500, 501, 503], [0]],
    ['a good answer between', {}, [500, 500, 200, 500, 500], []],
    ['not enforced', { consecutive5xx: { count: 3, enforcing: 0 } }, [500, 500, 500], []],
    [
      '502, 503 and 504 are failures of a gateway',
      { consecutiveGatewayFailure: SURE, consecutive5xx: { count: 9, enforcing: 100 } },
      [502, 503, 504],
      [0],
    ],
    [
      '500 is none',
      { consecutiveGatewayFailure: SURE, consecutive5xx: { count: 9, enforcing: 100 } },
      [502, 500, 504, 503],
      [],
    ],
  ])('%s', (_name, change, statuses, wants) => {
    const { answer, ejected } = make(change);
    answer(0, ...statuses);
    expect(ejected()).toEqual(wants);
  });

  test('what is not enforced is counted as detected', () => {
    const { answer, stats } = make({ consecutive5xx: { count: 3, enforcing: 0 } });
    answer(0, 500, 500, 500);
    expect(stats).toMatchObject({ ejections_detected_consecutive_5xx: 1, ejections_enforced_consecutive_5xx: 0 });
  });

  test('by chance', () => {
    const chances = [0.6, 0.4];
    const { answer, ejected } = make({ consecutive5xx: { count: 1, enforcing: 50 } }, 4, () => chances.shift() ?? 0);
    answer(0, 500);
    expect(ejected()).toEqual([]);
    answer(0, 500);
    expect(ejected()).toEqual([0]);
  });
});

describe('failures before a response', () => {
  test('count as 5xx where the two are not told apart', () => {
    const { detection, hosts, ejected } = make();
    for (let i = 0; i < 3; i++) detection.observeFailure(hosts[1]!, 503);
    expect(ejected()).toEqual([1]);
  });

  test('end with a connection that is all there is to see', () => {
    const { detection, hosts, ejected } = make();
    for (let i = 0; i < 2; i++) detection.observeFailure(hosts[1]!, 503);
    detection.observeConnected(hosts[1]!, false);
    for (let i = 0; i < 2; i++) detection.observeFailure(hosts[0]!, 503);
    detection.observeConnected(hosts[0]!, true);
    for (const host of [0, 1]) detection.observeFailure(hosts[host]!, 503);
    expect(ejected()).toEqual([1]);
  });

  test('count on their own where they are; a connection ends the row', () => {
    const { detection, hosts, stats, ejected, answer } = make({
      splitLocalOrigin: true,
      consecutiveLocalOriginFailure: SURE,
    });
    answer(1, 500, 500);
    for (let i = 0; i < 2; i++) detection.observeFailure(hosts[1]!, 503);
    detection.observeConnected(hosts[1]!, false);
    for (let i = 0; i < 2; i++) detection.observeFailure(hosts[1]!, 503);
    expect(ejected()).toEqual([]);
    detection.observeFailure(hosts[1]!, 503);
    expect(ejected()).toEqual([1]);
    expect(stats.ejections_enforced_consecutive_local_origin_failure).toBe(1);
  });
});

describe('how many, how long', () => {
  test.each<[string, Partial<OutlierConfig>, number, number[]]>([
    ['half of four', {}, 4, [0, 1]],
    ['a tenth of four is none', { maxEjectionPercent: 10 }, 4, []],
    ['a tenth of four, but always one', { maxEjectionPercent: 10, alwaysEjectOne: true }, 4, [0]],
    ['all', { maxEjectionPercent: 100 }, 2, [0, 1]],
  ])('%s', (_name, change, count, wants) => {
    const { answer, hosts, stats, ejected } = make(change, count);
    hosts.forEach((_, i) => {
      answer(i, 500, 500, 500);
    });
    expect(ejected()).toEqual(wants);
    expect(stats.ejections_overflow).toBe(count - wants.length);
    expect(stats.ejections_active).toBe(wants.length);
  });

  test('back after its time at the next look, twice as long the second time, and shorter again after a calm while', () => {
    const { answer, later, ejected, stats, changes } = make({ interval: 10_000, baseEjection: 30_000 });
    answer(0, 500, 500, 500);
    later(29_999);
    expect(ejected()).toEqual([0]);
    later(1);
    expect(ejected()).toEqual([]);
    answer(0, 500, 500, 500);
    later(59_999);
    expect(ejected()).toEqual([0]);
    later(1);
    expect(ejected()).toEqual([]);
    later(10_000);
    later(10_000);
    answer(0, 500, 500, 500);
    later(30_000);
    expect(ejected()).toEqual([]);
    expect(stats.ejections_active).toBe(0);
    expect(changes).toHaveLength(6);
  });

  test('never longer than the longest, but for the jitter', () => {
    const { answer, later, ejected } = make(
      { baseEjection: 30_000, maxEjection: 30_000, maxEjectionJitter: 1000 },
      4,
      () => 0.5,
    );
    for (const _ of [1, 2]) {
      answer(0, 500, 500, 500);
      later(30_000);
      expect(ejected()).toEqual([0]);
      later(500);
      expect(ejected()).toEqual([]);
    }
  });

  test('a health check that passes brings it back at once, where that is wanted', () => {
    for (const unejectOnCheck of [true, false]) {
      const { answer, detection, hosts, ejected } = make({ unejectOnCheck });
      answer(0, 500, 500, 500);
      detection.observeCheck(hosts[0]!);
      expect(ejected()).toEqual(unejectOnCheck ? [] : [0]);
    }
  });

  test('an endpoint that leaves takes its ejection along', () => {
    const { answer, detection, hosts, stats } = make();
    answer(0, 500, 500, 500);
    detection.forget(hosts[0]!);
    expect(stats.ejections_active).toBe(0);
  });
});

describe('compared with the others', () => {
  const quiet = { consecutive5xx: { count: 1000, enforcing: 0 } };
  const mixed = (good: number, bad: number) => [...Array(good).fill(200), ...Array(bad).fill(500)] as number[];

  test('an endpoint far below the mean is ejected once the interval is over', () => {
    const { answer, later, ejected, stats } = make(quiet, 5);
    for (const host of [0, 1, 2, 3]) answer(host, ...mixed(100, 0));
    answer(4, ...mixed(50, 50));
    expect(ejected()).toEqual([]);
    later(10_000);
    expect(ejected()).toEqual([4]);
    expect(stats.ejections_enforced_success_rate).toBe(1);
  });

  test.each<[string, Partial<OutlierConfig['successRate']>, number]>([
    ['too few endpoints', { minimumHosts: 6 }, 100],
    ['too few requests', { requestVolume: 101 }, 100],
    ['not enforced', { enforcing: 0 }, 100],
  ])('none: %s', (_name, change, requests) => {
    const successRate = { ...outlierDetection().successRate, ...change };
    const { answer, later, ejected } = make({ ...quiet, successRate }, 5);
    for (const host of [0, 1, 2, 3]) answer(host, ...mixed(requests, 0));
    answer(4, ...mixed(requests / 2, requests / 2));
    later(10_000);
    expect(ejected()).toEqual([]);
  });

  test('an interval does not remember the one before', () => {
    const { answer, later, ejected } = make(quiet, 5);
    answer(4, ...mixed(0, 100));
    later(10_000);
    for (const host of [0, 1, 2, 3]) answer(host, ...mixed(100, 0));
    later(10_000);
    expect(ejected()).toEqual([]);
  });

  test.each([
    [84, []],
    [85, [4]],
  ])('%d percent of failures', (percent, wants) => {
    const failurePercentage = { ...outlierDetection().failurePercentage, enforcing: 100 };
    const successRate = { ...outlierDetection().successRate, enforcing: 0 };
    const { answer, later, ejected } = make({ ...quiet, failurePercentage, successRate }, 5);
    for (const host of [0, 1, 2, 3]) answer(host, ...mixed(100, 0));
    answer(4, ...mixed(100 - percent, percent));
    later(10_000);
    expect(ejected()).toEqual(wants);
  });
});
