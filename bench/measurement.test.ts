import { expect, test } from 'vitest';
import { formatTable, type Measurement, summarize } from './measurement.ts';

function measured(contestant: string, cpuMicros: number): Measurement {
  const rest = {
    requestsPerSecond: 20_000,
    p50: 1500,
    p99: 2500,
    p999: 3500,
    idleBytes: 5e7,
    loadedBytes: 6e7,
    heldBytes: 7e7,
  };
  return { scenario: 'plain', contestant, cpuMicros, ...rest };
}

test('medians over rounds, and the ratio to Envoy of the same run', () => {
  const rows = summarize([10, 90, 20].flatMap((cpu) => [measured('tulle', cpu), measured('envoy', cpu * 2)]));
  expect(rows.map(({ contestant, cpuMicros, ratio }) => [contestant, cpuMicros, ratio])).toEqual([
    ['tulle', 20, 0.5],
    ['envoy', 40, 1],
  ]);
});

test('an even number of rounds takes the middle of the two', () => {
  expect(summarize([measured('tulle', 10), measured('tulle', 30)])).toMatchObject([{ cpuMicros: 20, ratio: null }]);
});

test('the table lines up', () => {
  expect(formatTable(summarize([measured('envoy', 50.04)])).split('\n')).toEqual([
    'scenario  proxy  CPU µs/req  to Envoy  req/s  p50 ms  p99 ms  p99.9 ms  idle MB  loaded MB  1,000 cx MB',
    'plain     envoy        50.0      1.00  20000    1.50    2.50      3.50       50         60           70',
  ]);
});
