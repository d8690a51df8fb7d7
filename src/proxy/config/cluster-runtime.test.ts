import { expect, test } from 'vitest';
import { RuntimeLayers } from '../bootstrap/runtime-layers.ts';
import { cluster, healthCheck, outlierDetection } from '../testing/configs.ts';
import { withRuntime } from './cluster-runtime.ts';

const check = healthCheck({ kind: 'tcp', send: Buffer.alloc(0), receive: [] }, 5_000, {
  timeout: 1_000,
  noTrafficInterval: 60_000,
  noTrafficHealthyInterval: 60_000,
});
const config = cluster('web', [1], { outlierDetection: outlierDetection(), healthChecks: [check] });
const changed = (values: Record<string, number>) =>
  withRuntime(config, new RuntimeLayers([{ name: 'l', kind: 'static', values }]));

test('a runtime that says nothing changes nothing', () => {
  expect(changed({})).toBe(config);
  expect(changed({ 'circuit_breakers.other.default.max_requests': 1 })).toBe(config);
});

test('keys stand beside fields', () => {
  const next = changed({
    'upstream.healthy_panic_threshold': 120,
    'circuit_breakers.web.default.max_requests': 3,
    'circuit_breakers.web.high.max_retries': 4,
    'outlier_detection.consecutive_5xx': 2,
    'outlier_detection.enforcing_consecutive_5xx': 0,
    'outlier_detection.interval_ms': 7,
    'health_check.max_interval': 8,
  });
  expect(next).toMatchObject({
    panicThreshold: 100,
    limits: { default: { maxRequests: 3 }, high: { maxRetries: 4 } },
    outlierDetection: { interval: 7, consecutive5xx: { count: 2, enforcing: 0 } },
    healthChecks: [{ interval: 8, unhealthyInterval: 8 }],
  });
  expect(next.limits.default.maxRetries).toBe(config.limits.default.maxRetries);
});

test('policies name their own keys', () => {
  const slowStart = { window: 1, aggression: 2, aggressionKey: 'speed', minWeightPercent: 10 };
  const policy = { kind: 'least-request', choices: 2, bias: 1, biasKey: 'bias', fullScan: false, slowStart } as const;
  const tuned = (values: Record<string, number>) =>
    withRuntime({ ...config, balancing: policy }, new RuntimeLayers([{ name: 'l', kind: 'static', values }])).balancing;
  expect(tuned({ speed: 0.5, bias: 0 })).toEqual({ ...policy, bias: 0, slowStart: { ...slowStart, aggression: 0.5 } });
  expect(tuned({ speed: -1, bias: -1 })).toEqual({ ...policy, bias: 1, slowStart: { ...slowStart, aggression: 1 } });
  expect(tuned({ other: 1 })).toBe(policy);
});
