import { expect, test } from 'vitest';
import { cluster } from '../testing/resources.ts';

test.each([
  ['panic off', { common_lb_config: { healthy_panic_threshold: { value: 0 } } }, { panicThreshold: 0 }],
  ['sizes', { track_cluster_stats: { request_response_sizes: true } }, { tracksSizes: true }],
  ['endpoints', { track_cluster_stats: { per_endpoint_stats: true } }, { tracksEndpoints: true }],
  ['budgets', { track_cluster_stats: { timeout_budgets: true } }, { tracksBudgets: true }],
  ['budgets by the field before it', { track_timeout_budgets: true }, { tracksBudgets: true }],
  ['no sizes', { track_cluster_stats: {} }, { tracksSizes: false }],
])('%s', (_name, change, wants) => {
  expect(cluster(change)).toMatchObject(wants);
});
