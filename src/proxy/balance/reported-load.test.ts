import { describe, expect, test } from 'vitest';
import type { ReportedLoadConfig } from '../config/cluster-types.ts';
import { balancer, endpoint } from '../testing/balancing.ts';
import { anyEndpoint } from './balancer.ts';
import { type LoadReport, ReportedLoad, weightOf, weightsByLoad } from './reported-load.ts';

const silent: LoadReport = {
  cpuUtilization: 0,
  memUtilization: 0,
  applicationUtilization: 0,
  eps: 0,
  rpsFractional: 0,
  namedMetrics: {},
  utilization: {},
  requestCost: {},
};
const policy: ReportedLoadConfig = {
  kind: 'reported-load',
  blackout: 10_000,
  expiration: 180_000,
  streamPeriod: null,
  updatePeriod: 1000,
  errorPenalty: 0,
  metrics: [],
  slowStart: null,
};
/** Says so many requests per second at full use. */
const weighing = (weight: number): LoadReport => ({ ...silent, rpsFractional: weight, cpuUtilization: 1 });

describe('the weight of a report', () => {
  const report = { ...silent, rpsFractional: 100, cpuUtilization: 0.5 };
  const many = {
    ...report,
    namedMetrics: { queue: 0.8, disk: 2 },
    utilization: { gpu: 0.9 },
    requestCost: { joule: 4 },
  };
  test.each<[string, LoadReport, Partial<ReportedLoadConfig>, number | null]>([
    ['requests by the use of the CPU', report, {}, 200],
    ['by that of the application, where there is one', { ...report, applicationUtilization: 0.8 }, {}, 125],
    ['by a metric that is named', many, { metrics: ['named_metrics.queue'] }, 125],
    ['by the scarcest of them', many, { metrics: ['named_metrics.queue', 'utilization.gpu'] }, 111],
    ['by the scarcest of all', many, { metrics: ['named_metrics.*'] }, 50],
    ['by the cost of requests', many, { metrics: ['request_cost.joule'] }, 25],
    ['by a field', { ...many, memUtilization: 0.25 }, { metrics: ['mem_utilization'] }, 400],
    ['by the CPU where the named one is not there', many, { metrics: ['named_metrics.none', 'other.queue'] }, 200],
    ['not by what every object has', report, { metrics: ['named_metrics.constructor'] }, 200],
    ['less with errors', { ...report, eps: 25 }, { errorPenalty: 2 }, 100],
    ['none without requests', { ...report, rpsFractional: 0 }, {}, null],
    ['none where nothing is used', { ...report, cpuUtilization: 0 }, {}, null],
    ['at most what 32 bits hold', { ...report, rpsFractional: 1e12 }, {}, 2 ** 32 - 1],
    ['none of what is no number', { ...report, rpsFractional: Number.NaN }, {}, null],
  ])('%s', (_name, load, change, wants) => {
    expect(weightOf(load, { ...policy, ...change })).toBe(wants);
  });
});

describe('a report holds', () => {
  function said(...times: number[]): ReportedLoad {
    const load = new ReportedLoad(policy);
    for (const time of times) load.report(weighing(7), time);
    return load;
  }
  test.each<[string, ReportedLoad, number, number | null]>([
    ['not where there is none', said(), 1e6, null],
    ['not within the blackout', said(0, 5000), 9_999, null],
    ['from its end', said(0, 5000), 10_000, 7],
    ['until it expires', said(0), 180_000, 7],
    ['no longer', said(0), 180_001, null],
  ])('%s', (_name, load, now, wants) => {
    expect(load.weight(now, policy)).toBe(wants);
  });

  test('after a silence it is too new again', () => {
    const load = said(0);
    expect(load.weight(200_000, policy)).toBe(null);
    load.report(weighing(9), 200_000);
    expect([load.weight(205_000, policy), load.weight(210_000, policy)]).toEqual([null, 9]);
  });

  test('also when one that says nothing follows', () => {
    const load = said(0);
    load.report(silent, 1000);
    expect(load.weight(20_000, policy)).toBe(7);
  });
});

test.each<[string, readonly (number | null)[], readonly number[]]>([
  ['all alike before anybody spoke', [null, null], [1, 1]],
  ['those that are silent get the mean', [8, null, 2, 5], [8, 5, 2, 5]],
  ['a whole one', [8, null, 1], [8, 4, 1]],
  ['never nothing', [0, null], [1, 1]],
])('weights: %s', (_name, said, wants) => {
  const loads = said.map((weight) => {
    const load = new ReportedLoad(policy);
    if (weight !== null) load.report({ ...weighing(1), cpuUtilization: weight === 0 ? 10 : 1 / weight }, 0);
    return load;
  });
  expect(weightsByLoad(loads, 20_000, policy)).toEqual(wants);
});

test('weights that change while the endpoints stay are followed', () => {
  const a = { ...endpoint('a') };
  const b = { ...endpoint('b') };
  const chosen = balancer([a, b], { balancing: policy });
  const shareOfA = () => {
    let picked = 0;
    for (let i = 0; i < 1000; i++) if (chosen.pick({ ...anyEndpoint, now: 1000 }) === a) picked += 1;
    return picked / 1000;
  };
  expect(shareOfA()).toBeCloseTo(0.5, 2);
  Object.assign(a, { weight: 3 });
  expect(shareOfA()).toBeCloseTo(0.75, 2);
});
