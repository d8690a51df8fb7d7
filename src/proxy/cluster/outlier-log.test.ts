import { expect, test } from 'vitest';
import { Counts } from '../../lib/shared-counts.ts';
import { endpoint } from '../testing/configs.ts';
import { hostOf } from '../testing/hosts.ts';
import type { AnyDetector } from './outlier-detection.ts';
import { type Comparison, OutlierLog } from './outlier-log.ts';
import { OutlierMonitor } from './outlier-monitor.ts';

function make() {
  const lines: string[] = [];
  const host = hostOf(endpoint(80));
  host.outlier = new OutlierMonitor(new Counts());
  const log = new OutlierLog({
    cluster: 'shop',
    now: () => 10_000,
    epoch: () => 1_700_000_000_123,
    writer: { write: (line) => void lines.push(line) },
  });
  return { host, log, told: () => lines.map((line) => JSON.parse(line) as object) };
}

const common = { timestamp: '2023-11-14T22:13:20.123Z', cluster_name: 'shop', upstream_url: '127.0.0.1:80' };

test.each<[AnyDetector, Comparison, object]>([
  ['consecutive_5xx', null, { type: 'CONSECUTIVE_5XX', eject_consecutive_event: {} }],
  ['consecutive_gateway_failure', null, { type: 'CONSECUTIVE_GATEWAY_FAILURE', eject_consecutive_event: {} }],
  [
    'local_origin_success_rate',
    { rate: 50.9, mean: 70.2, threshold: 60.6 },
    {
      type: 'SUCCESS_RATE_LOCAL_ORIGIN',
      eject_success_rate_event: {
        host_success_rate: 50,
        cluster_average_success_rate: 70,
        cluster_success_rate_ejection_threshold: 60,
      },
    },
  ],
  [
    'failure_percentage',
    { rate: 12.5, mean: 0, threshold: 0 },
    { type: 'FAILURE_PERCENTAGE', eject_failure_percentage_event: { host_success_rate: 12 } },
  ],
])('%s', (detector, comparison, wants) => {
  const { host, log, told } = make();
  log.ejected(host, detector, comparison, false);
  expect(told()).toEqual([{ ...common, ...wants, action: 'EJECT', enforced: false, num_ejections: 0 }]);
});

test('an end says how long it lasted, the next beginning how long there was none', () => {
  const { host, log, told } = make();
  Object.assign(host.outlier, { ejections: 1, ejectedAt: 2_500 });
  log.returned(host);
  host.outlier.returnedAt = 8_100;
  log.ejected(host, 'consecutive_5xx', null, true);
  expect(told()).toMatchObject([
    { action: 'UNEJECT', secs_since_last_action: '7', num_ejections: 1, enforced: false, type: 'CONSECUTIVE_5XX' },
    { action: 'EJECT', secs_since_last_action: '1', enforced: true },
  ]);
});
