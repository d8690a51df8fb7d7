import { expect, test } from 'vitest';
import { cluster } from '../testing/resources.ts';

test.each([
  [{ max_connection_pools: 3 }, 'circuit_breakers.thresholds[0].max_connection_pools: is not supported'],
  [
    { retry_budget: { budget_interval: '1s' } },
    'circuit_breakers.thresholds[0].retry_budget.budget_interval: is not supported',
  ],
])('limits refuse what would change them: %j', (threshold, wants) => {
  expect(() => cluster({ circuit_breakers: { thresholds: [threshold] } })).toThrow(wants);
});
