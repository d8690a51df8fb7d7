import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { SharedTallies } from '../../lib/shared-tallies.ts';
import { type OverloadConfig, safetyNet, withSafetyNet } from './config.ts';
import { type Gauges, Overload, processGauges } from './overload.ts';

function watched(config: OverloadConfig = safetyNet) {
  const clock = new ManualClock();
  const figures = { heap: 0, memory: 0, kept: 0, releases: 0 };
  /** `kept`: bytes that would be free after a collection. */
  const gauges: Gauges = {
    heap: () => figures.heap,
    memory: () => figures.memory + figures.kept,
    release: () => {
      figures.kept = 0;
      figures.releases += 1;
    },
  };
  const overload = new Overload(clock, config, gauges);
  overload.start();
  return { clock, figures, overload };
}

const memory: OverloadConfig = {
  refreshInterval: 250,
  monitors: [{ name: 'm', kind: 'memory', limit: 1_000 }],
  actions: [
    { name: 'stop_accepting_requests', triggers: [{ monitor: 'm', scaling: 0.9, saturation: 0.9 }] },
    { name: 'reject_incoming_connections', triggers: [{ monitor: 'm', scaling: 0.5, saturation: 1 }] },
  ],
  maxConnections: 2,
};

describe('without configuration', () => {
  test('nothing is refused while there is room', () => {
    const { overload } = watched();
    expect([overload.shedsRequests, overload.endsKeepAlive, overload.refusedShare, overload.hasRoom]).toEqual([
      false,
      false,
      0,
      true,
    ]);
  });

  test('a heap that is nearly full refuses requests until it is not', () => {
    const { clock, figures, overload } = watched();
    figures.heap = 0.96;
    clock.advance(1_000);
    expect([overload.shedsRequests, overload.endsKeepAlive]).toEqual([true, true]);
    figures.heap = 0.5;
    clock.advance(1_000);
    expect([overload.shedsRequests, overload.endsKeepAlive]).toEqual([false, false]);
  });

  test('events that wait for seconds refuse requests', () => {
    let now = 0;
    let wake: () => void = () => undefined;
    const late = {
      now: () => now,
      epoch: () => now,
      after: (_delay: number, call: () => void) => {
        wake = call;
        return () => undefined;
      },
    };
    const overload = new Overload(late, safetyNet, { heap: () => 0, memory: () => 0, release: () => undefined });
    overload.start();
    now = 7_000;
    wake();
    expect(overload.shedsRequests).toBe(true);
    now = 8_000;
    wake();
    expect(overload.shedsRequests).toBe(false);
  });

  test('the figures of this process are shares and bytes', () => {
    expect(processGauges.heap()).toBeGreaterThan(0);
    expect(processGauges.heap()).toBeLessThan(1);
    expect(processGauges.memory()).toBeGreaterThan(1024 * 1024);
  });
});

test.each([
  [400, false, 0],
  [750, false, 0.5],
  [899, false, 0.798],
  [900, true, 0.8],
  [1_200, true, 1],
])('memory of %i of 1000 bytes', (bytes, sheds, share) => {
  const { clock, figures, overload } = watched(memory);
  figures.memory = bytes;
  clock.advance(250);
  expect(overload.shedsRequests).toBe(sheds);
  expect(overload.refusedShare).toBeCloseTo(share);
  expect(new Map(overload.stats()).get('overload.m.pressure')).toBe(Math.round(bytes / 10));
});

test('connections are limited in all', () => {
  const { overload } = watched(memory);
  overload.connections = 1;
  expect(overload.hasRoom).toBe(true);
  overload.connections = 2;
  expect(overload.hasRoom).toBe(false);
});

test('… of all threads', () => {
  const shared = SharedTallies.allocate(2);
  const [a, b] = [0, 1].map((thread) => {
    const { overload } = watched(memory);
    overload.share(new SharedTallies(shared, 2, thread).of('connections'));
    return overload;
  });
  a!.beginConnection();
  b!.beginConnection();
  expect([a!.hasRoom, b!.hasRoom]).toEqual([false, false]);
  a!.endConnection();
  expect([a!.hasRoom, b!.hasRoom]).toEqual([true, true]);
});

test('the net stays below a configuration that says nothing of requests', () => {
  const names = (config: OverloadConfig) => withSafetyNet(config).actions.map(({ name }) => name);
  expect(names({ ...memory, actions: [] })).toEqual(['disable_http_keepalive', 'stop_accepting_requests']);
  expect(names(memory)).toEqual(['stop_accepting_requests', 'reject_incoming_connections', 'disable_http_keepalive']);
  expect(withSafetyNet(null)).toBe(safetyNet);
});

describe('full memory', () => {
  test('is collected before it counts as full', () => {
    const { clock, figures, overload } = watched(memory);
    Object.assign(figures, { memory: 500, kept: 600 });
    clock.advance(250);
    expect([overload.shedsRequests, figures.releases]).toEqual([false, 1]);
  });

  test('that is in use is collected again from time to time', () => {
    const { clock, figures, overload } = watched(memory);
    figures.memory = 1_000;
    clock.advance(9_000);
    expect([overload.shedsRequests, figures.releases]).toEqual([true, 1]);
    Object.assign(figures, { memory: 100, kept: 900 });
    clock.advance(2_000);
    expect([overload.shedsRequests, figures.releases]).toEqual([false, 2]);
  });

  test('shrink_heap is asked for earlier, and counted', () => {
    const shrinks = { name: 'shrink_heap', triggers: [{ monitor: 'm', scaling: 0.5, saturation: 0.5 }] } as const;
    const { clock, figures, overload } = watched({ ...memory, actions: [shrinks] });
    Object.assign(figures, { memory: 100, kept: 500 });
    clock.advance(250);
    expect([figures.kept, overload.shedsRequests]).toEqual([0, false]);
    expect(new Map(overload.stats()).get('overload.envoy.overload_actions.shrink_heap.shrink_count')).toBe(1);
  });
});
