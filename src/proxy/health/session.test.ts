import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import { unfit } from '../balance/health.ts';
import { HealthStats } from '../cluster/stats.ts';
import type { HealthCheckConfig } from '../config/health-check-types.ts';
import { endpoint, healthCheck } from '../testing/configs.ts';
import { hostOf } from '../testing/hosts.ts';
import type { ProbeResult } from './probe.ts';
import { HealthSession } from './session.ts';

const well: ProbeResult = { kind: 'healthy', degraded: false };
const worse: ProbeResult = { kind: 'healthy', degraded: true };
const ill: ProbeResult = { kind: 'unhealthy', retriable: false, status: 503 };
const shaky: ProbeResult = { kind: 'unhealthy', retriable: true, status: 429 };
const gone: ProbeResult = { kind: 'network' };
const silent = 'silent';
/** A tick of the timer wheel, and a little more. */
const TICK = 20;

const plain = healthCheck({ kind: 'tcp', send: Buffer.alloc(0), receive: [] }, 10_000, {
  timeout: 1_000,
  unhealthyThreshold: 3,
  healthyThreshold: 2,
  noTrafficInterval: 60_000,
  noTrafficHealthyInterval: 90_000,
  unhealthyInterval: 20_000,
  unhealthyEdgeInterval: 4_000,
  healthyEdgeInterval: 2_000,
});

/** Answers what the list says, one after the other. */
function make(answers: (ProbeResult | typeof silent)[], change: Partial<HealthCheckConfig> = {}, traffic = true) {
  const clock = new ManualClock();
  const host = hostOf(endpoint(1));
  host.mark(unfit.failedActiveCheck);
  const stats = new HealthStats();
  const heard: string[] = [];
  const asked: number[] = [];
  let cancelled = 0;
  const probe = {
    start(report: (result: ProbeResult) => void) {
      asked.push(clock.now() - 1_000);
      const answer = answers.shift() ?? silent;
      if (answer !== silent) report(answer);
    },
    cancel() {
      cancelled += 1;
    },
    close: () => undefined,
  };
  const session = new HealthSession({ ...plain, ...change }, host, probe, {
    wheel: new TimerWheel(clock, (error) => expect.unreachable(String(error))),
    random: () => 0.5,
    stats,
    hasTraffic: () => traffic,
    events: null,
    onResult: (_host, healthy, changed) => heard.push(`${healthy ? 'well' : 'ill'}${changed ? '!' : ''}`),
  });
  session.start();
  return { clock, host, stats, heard, asked, session, cancelled: () => cancelled };
}

describe('what results make of an endpoint', () => {
  test.each<[string, (ProbeResult | typeof silent)[], string[], number]>([
    ['the first good answer is enough', [well], ['well!'], 0],
    ['an ill answer counts at once', [well, ill], ['well!', 'ill!'], unfit.failedActiveCheck],
    ['nobody there counts with the third', [well, gone, gone], ['well!', 'ill', 'ill'], 0],
    ['… now', [well, gone, gone, gone], ['well!', 'ill', 'ill', 'ill!'], unfit.failedActiveCheck],
    ['a retriable status counts like nobody there', [well, shaky, gone], ['well!', 'ill', 'ill'], 0],
    [
      'a good answer between begins anew',
      [well, gone, gone, well, gone, gone],
      ['well!', 'ill', 'ill', 'well', 'ill', 'ill'],
      0,
    ],
    ['back with the second', [well, ill, well], ['well!', 'ill!', 'well'], unfit.failedActiveCheck],
    ['… now', [well, ill, well, well], ['well!', 'ill!', 'well', 'well!'], 0],
    ['the first was bad: two good ones', [ill, well, well], ['ill', 'well', 'well!'], 0],
    ['degraded', [worse], ['well!'], unfit.degradedActiveCheck],
    ['degraded no more', [worse, well], ['well!', 'well!'], 0],
  ])('%s', (_name, answers, heard, health) => {
    const made = make([...answers]);
    made.clock.advance((answers.length - 1) * 20_100);
    expect(made.heard.slice(0, heard.length)).toEqual(heard);
    const wanted = make([...answers]);
    while (wanted.heard.length < heard.length) wanted.clock.advance(10);
    expect(wanted.host.health).toBe(health);
  });

  test('no answer in time', () => {
    const { clock, host, heard, stats, cancelled } = make([well, silent], { unhealthyThreshold: 1 });
    clock.advance(10_000 + TICK);
    expect(heard).toEqual(['well!']);
    clock.advance(1_000 + TICK);
    expect(heard).toEqual(['well!', 'ill!']);
    expect(host.health).toBe(unfit.failedActiveCheck | unfit.activeCheckTimeout);
    expect([cancelled(), stats.network_failure, stats.attempt]).toEqual([1, 1, 2]);
  });

  test('an answer to a request that says so counts at once', () => {
    const { host, heard, session, stats } = make([well]);
    session.failNow();
    expect([host.is(unfit.failedActiveCheck), heard, stats.passive_failure]).toEqual([true, ['well!', 'ill!'], 1]);
  });
});

describe('when it is asked again', () => {
  test.each<[string, (ProbeResult | typeof silent)[], Partial<HealthCheckConfig>, boolean, number[]]>([
    ['healthy', [well, well], {}, true, [0, 10_000]],
    ['failing, but not yet for good', [well, gone, gone], {}, true, [0, 10_000, 14_000]],
    ['unhealthy', [ill, ill], {}, true, [0, 20_000]],
    ['recovering', [well, ill, well, well], {}, true, [0, 10_000, 30_000, 32_000]],
    ['without traffic, healthy', [well, well], {}, false, [0, 90_000]],
    ['without traffic, unhealthy', [ill, ill], {}, false, [0, 60_000]],
    ['with jitter', [well, well], { intervalJitter: 1_000, intervalJitterPercent: 20 }, true, [0, 11_500]],
    ['after a jitter at the start', [well, well], { initialJitter: 3_000 }, true, [1_500, 11_500]],
  ])('%s', (_name, answers, change, traffic, wants) => {
    const { clock, asked } = make([...answers], change, traffic);
    clock.advance(100_000);
    wants.forEach((at, i) => {
      expect(asked[i]).toBeGreaterThanOrEqual(at);
      expect(asked[i]! - at).toBeLessThan(wants.length * TICK);
    });
  });

  test('not after it was stopped', () => {
    const { clock, asked, session } = make([well]);
    session.stop();
    clock.advance(1_000_000);
    expect(asked).toEqual([0]);
  });
});
